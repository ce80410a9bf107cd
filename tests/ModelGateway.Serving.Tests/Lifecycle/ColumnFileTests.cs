using System.Text;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>What <c>columns.txt</c> does to a version that is loaded with it.</summary>
public sealed class ColumnFileTests
{
    [Theory]
    [InlineData("a\nb\nc\nd", "a|b|c|d")]
    [InlineData("sepal length (cm)\r\n b \r\nc\r\nd\r\n\r\n", "sepal length (cm)| b |c|d")]
    [InlineData("\uFEFFa\nb\nc\nünï🙂\n", "a|b|c|ünï🙂")]
    public async Task Load_NamesThatFit_AreTheInputsColumns(string text, string names) =>
        Assert.Equal(names, string.Join('|', (await LoadAsync(TestModels.Mlp(), text)).Servable!.Signature.Inputs[0].Columns!.Names));

    [Theory]
    [InlineData("a\nb", "columns.txt names 2 columns, but the input 'x' is FP32 [batch, 4]; its last of two dimensions must be free or as long as the list.")]
    [InlineData("a", "columns.txt names 1 column, but the input 'x' is FP32 [batch, 4]; its last of two dimensions must be free or as long as the list.")]
    [InlineData("a\nb\na\nd", "columns.txt must name a column a line: columns 1 and 3 have the same name.")]
    [InlineData("a\n\nc\nd", "columns.txt must name a column a line: the name of column 2 is empty.")]
    [InlineData("\n", "columns.txt must name a column a line: there must be 1 to 65536 names, but there are 0.")]
    public async Task Load_NamesThatDoNotFit_FailTheVersion(string text, string reason)
    {
        VersionView version = await LoadAsync(TestModels.Mlp(), text);

        Assert.Equal((ServableState.Failed, reason), (version.State, version.Reason));
    }

    [Fact]
    public async Task Load_NoUtf8_FailsTheVersion() =>
        Assert.Equal("columns.txt is not UTF-8 text.", (await LoadAsync(TestModels.Mlp(), [0x61, 0xFF])).Reason);

    [Fact]
    public async Task Load_FreeWidthOrRank_TakesAnyNumber()
    {
        Assert.Equal(2, (await LoadAsync(TestModels.AddConstant(1), "a\nb")).Servable!.Signature.Inputs[0].Columns!.Count);
        Assert.Equal(3, (await LoadAsync(TestModels.UnknownRank(), "a\nb\nc")).Servable!.Signature.Inputs[0].Columns!.Count);
        Assert.Contains("'x' is FP32 []", (await LoadAsync(TestModels.Scalar(), "a")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_OptionalInputBeside_StaysWithoutColumns()
    {
        ModelSignature signature = (await LoadAsync(TestModels.OptionalInput(), "a\nb")).Servable!.Signature;

        Assert.Equal((2, null), (signature.Inputs[0].Columns?.Count, signature.Inputs[1].Columns));
    }

    [Fact]
    public async Task Load_SeveralInputs_MayOnlyBeNamedAgain()
    {
        ModelSignature signature = (await LoadAsync(TestModels.TwoInputsSum(), "b\na")).Servable!.Signature;
        VersionView strange = await LoadAsync(TestModels.TwoInputsSum(), "a\nc");

        Assert.All(signature.Inputs, input => Assert.Null(input.Columns));
        Assert.Equal("columns.txt names a column 'c', but the model has 2 inputs and none of that name; columns are for models with one input.", strange.Reason);
    }

    private static Task<VersionView> LoadAsync(byte[] onnx, string text) => LoadAsync(onnx, Encoding.UTF8.GetBytes(text));

    // Looked at after the harness is gone: a view and its signature are only data.
    private static async Task<VersionView> LoadAsync(byte[] onnx, byte[] columns)
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, onnx, ("columns.txt", columns));
        await serving.ScanAndSettleAsync();
        return serving.Version("model", 1);
    }
}
