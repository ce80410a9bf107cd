using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class WarmupConfigTests
{
    [Theory]
    [InlineData("5", "[]", "5")]
    [InlineData("[]", "[0]", "")]
    [InlineData("[1, 2, 3]", "[3]", "1 2 3")]
    [InlineData("[[1, 2], [3, 4], [5, 6]]", "[3, 2]", "1 2 3 4 5 6")]
    [InlineData("[[], []]", "[2, 0]", "")]
    [InlineData("[[[1]], [[2]]]", "[2, 1, 1]", "1 2")]
    [InlineData("\n      - [a, 'b']\n      - [\"c\", 7]", "[2, 2]", "a b c 7")]
    [InlineData("[True, FALSE, true]", "[3]", "true false true")]
    [InlineData("[.inf, -.INF, +.Inf, .NaN]", "[4]", "Infinity -Infinity Infinity NaN")]
    [InlineData("['.inf', \"True\"]", "[2]", ".inf True")]
    [InlineData("[1e-3, 1.50, -0, +1]", "[4]", "1e-3 1.50 -0 +1")]
    public void Read_Literal_TakesItsShapeFromTheNesting(string value, string shape, string scalars)
    {
        var literal = Assert.IsType<WarmupInput.Literal>(Input(value));
        Assert.Equal(shape, TensorShape.Format([.. literal.Shape]));
        Assert.Equal(scalars, string.Join(' ', literal.Scalars));
        Assert.Empty(SchemaCheck.Faults(Yaml(value)));
    }

    [Theory]
    [InlineData("[[1, 2], [3]]", "[1]: is ragged: the shape so far is [2, 2], so a list of 2 is expected, but this is a list of 1")]
    [InlineData("[[1], 2]", "[1]: is ragged: the shape so far is [2, 1], so a list of 1 is expected, but this is '2'")]
    [InlineData("[1, [2]]", "[1]: is ragged: the shape so far is [2], so a number, true, false or a text is expected, but this is a list of 1")]
    [InlineData("[[], [1]]", "[1]: is ragged: the shape so far is [2, 0], so a list of 0 is expected, but this is a list of 1")]
    [InlineData("[[], 1]", "[1]: is ragged: the shape so far is [2, 0], so a list of 0 is expected, but this is '1'")]
    [InlineData("[[1], []]", "[1]: is ragged: the shape so far is [2, 1], so a list of 1 is expected, but this is a list of 0")]
    [InlineData("[[[1]], [[2], [3]]]", "[1]: is ragged: the shape so far is [2, 1, 1], so a list of 1 is expected, but this is a list of 2")]
    [InlineData("[1, ~]", "[1]: expects a number, true, false, a text, or a list of these, but got nothing")]
    [InlineData("[1, {a: 1}]", "[1]: expects a number, true, false, a text, or a list of these, but got a map")]
    [InlineData("~", ": expects a number, true, false, a text, or a list of these, but got nothing")]
    [InlineData("{fill: one}", ": needs the key shape")]
    [InlineData("{shape: [1, 4], fil: one}", ".fil: is not a known key. Did you mean 'fill'?")]
    [InlineData("{shape: [1, -4]}", ".shape[1]: expects an integer from 0 to 134217728, but got '-4'")]
    [InlineData("{shape: [batch]}", ".shape[0]: expects an integer from 0 to 134217728, but got 'batch'")]
    [InlineData("{shape: 4}", ".shape: expects a list of dimensions, but got '4'")]
    [InlineData("{shape: [1], fill: ones}", ".fill: expects zero, one or random, but got 'ones'. Did you mean 'one'?")]
    [InlineData("{shape: [134217728, 2]}", ": [134217728, 2] has more than 134217728 elements")]
    [InlineData("{shape: [134217728, 134217728, 134217728]}", ": [134217728, 134217728, 134217728] has more than 134217728 elements")]
    public void Read_FaultyInput_SaysWhere(string value, string error) =>
        Assert.Equal("line 3: warmup[0].inputs.x" + error, Assert.Single(ModelConfigReader.Read(Yaml(value)).Errors).ToString());

    [Theory]
    [InlineData(65_536, true)]
    [InlineData(65_537, false)]
    public void Read_LongLiteral_IsBounded(int elements, bool isValid) =>
        Assert.Equal(isValid, ModelConfigReader.Read(Yaml($"[{string.Join(", ", Enumerable.Repeat('1', elements))}]")).IsValid);

    [Theory]
    [InlineData("on")]
    [InlineData("true")]
    [InlineData("[]")]
    [InlineData("{inputs: {}}")]
    [InlineData("[off]")]
    [InlineData("[{}]")]
    public void Read_FaultyWarmup_IsRefused(string warmup)
    {
        Assert.False(ModelConfigReader.Read($"warmup: {warmup}").IsValid);
        Assert.NotEmpty(SchemaCheck.Faults($"warmup: {warmup}"));
    }

    [Theory]
    [InlineData("auto", true)]
    [InlineData("off", false)]
    [InlineData("false", false)]
    public void Read_Word_HasNoRequests(string word, bool isEnabled)
    {
        WarmupConfig warmup = ModelConfigReader.Read($"warmup: {word}").Config!.Warmup;
        Assert.Equal(isEnabled, warmup.Enabled);
        Assert.Empty(warmup.Requests);
    }

    [Fact]
    public void ToTensor_Literal_HasTheTypeOfTheInput()
    {
        using Tensor tensor = Input("[[1, 2.5], [.nan, -.inf]]").ToTensor(new TensorSpec("x", TensorType.Fp32, [-1, 2]));
        Assert.Equal([2, 2], tensor.Shape);
        Assert.Equal([1f, 2.5f, float.NaN, float.NegativeInfinity], tensor.AsSpan<float>().ToArray());
    }

    [Fact]
    public void ToTensor_Filled_HasTheShapeOfTheFile()
    {
        using Tensor tensor = Input("{shape: [2, 3], fill: one}").ToTensor(new TensorSpec("x", TensorType.Int64, [-1, 3]));
        Assert.Equal([2, 3], tensor.Shape);
        Assert.Equal([1L, 1, 1, 1, 1, 1], tensor.AsSpan<long>().ToArray());
    }

    [Fact]
    public void ToTensor_LiteralOfAnotherType_SaysWhichInput()
    {
        var exception = Assert.Throws<FormatException>(() => Input("[1.5]").ToTensor(new TensorSpec("x", TensorType.Int32, [-1])));
        Assert.Contains("'x'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("INT32", exception.Message, StringComparison.Ordinal);
    }

    private static string Yaml(string value) => $"warmup:\n  - inputs:\n      x: {value}\n";

    private static WarmupInput Input(string value)
    {
        ModelConfigResult result = ModelConfigReader.Read(Yaml(value));
        Assert.Null(result.Reason);
        return result.Config!.Warmup.Requests[0].Inputs["x"];
    }
}
