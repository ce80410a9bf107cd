using System.Text;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>What a version has besides its session: class labels, an example, its times.</summary>
public sealed class ServableLoaderTests
{
    [Theory]
    [InlineData("a\nb\nc", "a b c")]
    [InlineData("a\nb\nc\n", "a b c")]
    [InlineData("a\r\nb\r\nc\r\n\r\n", "a b c")]
    [InlineData(" a \nb\tb\nc", "a b\tb c")]
    [InlineData("a\n\nc\n", "a  c")]
    [InlineData("a\nb\n", null)]
    [InlineData("\n\n", null)]
    [InlineData("", null)]
    public async Task Load_LabelsFile_NamesTheClassesOfOutputsThatAreAsLong(string text, string? labels)
    {
        using var serving = new ServingHarness();
        serving.Add("mlp", 1, TestModels.Mlp(), ("labels.txt", Encoding.UTF8.GetBytes(text)));

        await serving.ScanAndSettleAsync();

        Servable servable = serving.Version("mlp", 1).Servable!;
        Assert.Equal(labels, servable.ClassLabels.TryGetValue("probabilities", out IReadOnlyList<string>? read) ? string.Join(' ', read) : null);
    }

    [Fact]
    public async Task Load_LabelsInFileAndConfiguration_TheConfigurationWins()
    {
        using var serving = new ServingHarness();
        serving.Add("mlp", 1, TestModels.Mlp(), ("labels.txt", "a\nb\nc"u8.ToArray()));
        serving.Folder.AddConfig("mlp", "class_labels: {probabilities: [x, y, z]}");

        await serving.ScanAndSettleAsync();

        Assert.Equal(["x", "y", "z"], serving.Version("mlp", 1).Servable!.ClassLabels["probabilities"]);
    }

    [Fact]
    public async Task Load_LabelsForAnUnknownOutput_FailsTheVersion()
    {
        using var serving = new ServingHarness();
        serving.Add("mlp", 1, TestModels.Mlp());
        serving.Folder.AddConfig("mlp", "class_labels: {probability: [x, y, z]}");

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("mlp", 1));
        Assert.Contains("Did you mean 'probabilities'?", serving.Version("mlp", 1).Reason, StringComparison.Ordinal);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Load_AnyModel_KnowsItsExampleTimesAndConfiguration()
    {
        using var serving = new ServingHarness();
        serving.Add("mlp", 1, TestModels.Mlp());
        serving.Folder.AddConfig("mlp", "instances: 3");

        await serving.ScanAndSettleAsync();

        Servable servable = serving.Version("mlp", 1).Servable!;
        Assert.Equal([1, 4], Assert.Single(servable.Example).Tensor.Shape);
        Assert.Equal(serving.Time.GetUtcNow(), servable.ReadyAt);
        Assert.True(servable.LoadTime >= TimeSpan.Zero);
        Assert.Equal(3, servable.Pool.Concurrency);
        Assert.True(servable.MemoryEstimate > 0);
        Assert.Equal("ModelGateway.TestKit 1", servable.Metadata.Producer);
    }

    [Fact]
    public async Task Load_ModelThatCannotBeWarmedUp_IsReadyWithoutAnExample()
    {
        using var serving = new ServingHarness(change: options => options with { WarmupTimeout = TimeSpan.FromMilliseconds(20) });
        serving.Add("slow", 1, TestModels.Slow(long.MaxValue));

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Ready, serving.State("slow", 1));
        Assert.Empty(serving.Version("slow", 1).Servable!.Example);
    }

    [Fact]
    public async Task Load_ModelWithARandomNode_IsSaidOnce()
    {
        using var serving = new ServingHarness();
        serving.Add("random", 1, TestModels.Random());
        serving.Add("mlp", 1, TestModels.Mlp());

        await serving.ScanAndSettleAsync();

        Assert.Equal(
            "Information: random/1 is not cached: its graph has the node RandomUniform 'RandomUniform_0', which gives other values on every run",
            Assert.Single(serving.Log.All, line => line.Contains("is not cached", StringComparison.Ordinal)));
        Assert.NotNull(serving.Version("random", 1).Servable!.Metadata.NondeterministicNode);
        Assert.Null(serving.Version("mlp", 1).Servable!.Metadata.NondeterministicNode);
    }
}
