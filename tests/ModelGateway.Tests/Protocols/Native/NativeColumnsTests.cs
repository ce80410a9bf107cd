using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;
using static ModelGateway.Tests.Protocols.Native.NativeReadings;

namespace ModelGateway.Tests.Protocols.Native;

/// <summary>Instances by column name, for the one input of a model whose version has <c>columns.txt</c>.</summary>
public sealed class NativeColumnsTests
{
    private static readonly ModelSignature Flowers = Table("x", TensorType.Fp32, 3, "length", "width", "ünï 🙂");
    private static readonly ModelSignature Texts = Table("text", TensorType.Bytes, -1, "title", "body");

    [Theory]
    [InlineData("[{\"length\":1,\"width\":2,\"ünï 🙂\":3}]", "x FP32 [1, 3]: 1 2 3")]
    [InlineData("[{\"width\":2,\"\\u00fcn\\u00ef \\ud83d\\ude42\":3,\"length\":1},{\"length\":4,\"width\":NaN,\"ünï 🙂\":\"-Infinity\"}]", "x FP32 [2, 3]: 1 2 3 4 NaN -Infinity")]
    [InlineData("[[1,2,3],[4,5,6]]", "x FP32 [2, 3]: 1 2 3 4 5 6")]
    [InlineData("[{\"x\":[1,2,3]}]", "x FP32 [1, 3]: 1 2 3")]
    public void Read_Rows_MakeTheTable(string instances, string expected)
    {
        using PredictRequest request = Request($"{{\"instances\":{instances}}}", Flowers);
        Assert.Equal(expected, Describe(request));
    }

    [Theory]
    [InlineData("[{\"title\":\"a\",\"body\":\"bb\"},{\"title\":\"c\",\"body\":\"\"}]", "text BYTES [2, 2]: a bb c ")]
    [InlineData("[{\"body\":\"bb\",\"title\":\"a\"},{\"title\":\"c\",\"body\":{\"b64\":\"aGk=\"}}]", "text BYTES [2, 2]: a bb c hi")]
    public void Read_Strings_MakeTheTableInAnyOrder(string instances, string expected)
    {
        using PredictRequest request = Request($"{{\"instances\":{instances}}}", Texts);
        Assert.Equal(expected, Describe(request));
    }

    [Theory]
    [InlineData("[{\"x\":7}]", "x INT64 [1, 1]: 7")]
    [InlineData("[{\"x\":[7]}]", "x INT64 [1, 1]: 7")]
    public void Read_ColumnNamedAsTheInput_IsToldApartByItsValue(string instances, string expected)
    {
        using PredictRequest request = Request($"{{\"instances\":{instances}}}", Table("x", TensorType.Int64, 1, "x"));
        Assert.Equal(expected, Describe(request));
    }

    [Fact]
    public void Read_ManyRows_AllArrive()
    {
        string rows = string.Join(',', Enumerable.Range(0, 5000).Select(row => $"{{\"width\":{row},\"length\":{-row},\"ünï 🙂\":0.5}}"));
        using PredictRequest request = Request($"{{\"instances\":[{rows}]}}", Flowers);

        float[] cells = request.Inputs[0].Tensor.AsSpan<float>().ToArray();
        Assert.Equal(Enumerable.Range(0, 5000).SelectMany(row => new[] { -row, row, 0.5f }), cells);
    }

    [Theory]
    [InlineData("[{\"lenght\":1,\"width\":2,\"ünï 🙂\":3}]", "Input 'x' has no column 'lenght'. Did you mean 'length'? Its columns are 'length', 'width', 'ünï 🙂'.|Instance 0 has no column 'length'.")]
    [InlineData("[{\"length\":1},{}]", "Instance 0 has no columns 'width', 'ünï 🙂'.")]
    [InlineData("[{}]", "Instance 0 has no columns 'length', 'width', 'ünï 🙂'.")]
    [InlineData("[{\"length\":1,\"length\":1,\"width\":2,\"ünï 🙂\":3}]", "Instance 0 has column 'length' more than once.")]
    [InlineData("[{\"length\":1,\"width\":2,\"ünï 🙂\":3},{\"length\":[1],\"width\":\"b\",\"ünï 🙂\":null}]", "Column 'length' expects FP32 (numbers), but got an array at [1].|Column 'width' expects FP32 (numbers), but got a string at [1]; the only strings it takes are \"NaN\", \"Infinity\" and \"-Infinity\".|Column 'ünï 🙂' expects FP32 (numbers), but got null at [1].")]
    [InlineData("[{\"length\":1,\"width\":2,\"ünï 🙂\":3},[1,2,3],5]", "The first instance is an object, but instance 1 is an array.")]
    [InlineData("[{\"length\":1,\"width\":2,\"ünï 🙂\":3,\"z\":1},{\"z\":{},\"length\":1,\"width\":2,\"ünï 🙂\":3}]", "Input 'x' has no column 'z'. Its columns are 'length', 'width', 'ünï 🙂'.")]
    [InlineData("[{\"length\":1,\"width\":2,\"ünï 🙂\":3,\"\\ud800\":1}]", "The name of a column has half of a surrogate pair, which is no Unicode text.")]
    public void Read_Faults_AreToldOnce(string instances, string faults) =>
        Assert.Equal(faults.Split('|'), Faults($"{{\"instances\":{instances}}}", Flowers));

    [Fact]
    public void Read_ManyFaultyRows_AreBounded()
    {
        string rows = string.Join(',', Enumerable.Range(0, 100_000).Select(row => $"{{\"c{row}\":{row}}}"));
        ModelSignature wide = Table("x", TensorType.Fp32, -1, [.. Enumerable.Range(0, 60_000).Select(column => $"column {column}")]);

        Assert.Equal(FaultList.Capacity, Faults($"{{\"instances\":[{rows}]}}", wide).Length);
        Assert.Single(Faults($"{{\"instances\":[{string.Join(',', Enumerable.Repeat("{\"column 5\":1}", 100_000))}]}}", wide));
    }

    [Fact]
    public void Read_ModelWithoutColumns_TakesNoRowsByName() =>
        Assert.StartsWith("The model has no input 'length'.", Faults("{\"instances\":[{\"length\":1}]}", OneInput)[0], StringComparison.Ordinal);

    private static ModelSignature Table(string name, TensorType type, int width, params string[] columns) =>
        Signature(new TensorSpec(name, type, [-1, width]) { Columns = new ColumnNames(columns) });
}
