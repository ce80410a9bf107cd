using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;
using static ModelGateway.Tests.Protocols.Native.NativeReadings;

namespace ModelGateway.Tests.Protocols.Native;

public sealed class NativeInstancesTests
{
    private static readonly ModelSignature Scalars = Signature(new TensorSpec("x", TensorType.Int64, [-1]));

    [Theory]
    [InlineData("[[1,2],[3,4]]", "x FP32 [2, 2]: 1 2 3 4")]
    [InlineData("[[1,2]]", "x FP32 [1, 2]: 1 2")]
    [InlineData("[{\"x\":[1,2]},{\"x\":[3,4]}]", "x FP32 [2, 2]: 1 2 3 4")]
    [InlineData("[{\"x\":[NaN,2]}]", "x FP32 [1, 2]: NaN 2")]
    public void Read_OneInput_TakesBareValuesAndObjects(string instances, string expected)
    {
        using PredictRequest request = Request($"{{\"instances\":{instances}}}", OneInput);
        Assert.Equal(expected, Describe(request));
    }

    [Theory]
    [InlineData("[1,2,3]")]
    [InlineData("[{\"x\":1},{\"x\":2},{\"x\":3}]")]
    public void Read_ScalarRows_MakeAVector(string instances)
    {
        using PredictRequest request = Request($"{{\"instances\":{instances}}}", Scalars);
        Assert.Equal("x INT64 [3]: 1 2 3", Describe(request));
    }

    [Fact]
    public void Read_ManyInputs_StacksEachAlongANewDimension()
    {
        using PredictRequest request = Request(
            "{\"instances\":[{\"ids\":[1,2],\"text\":\"a\"},{\"text\":\"b\",\"ids\":[3,4]},{\"ids\":[5,6],\"text\":{\"b64\":\"Yw==\"}}]}", ManyInputs);
        Assert.Equal("ids INT64 [3, 2]: 1 2 3 4 5 6; text BYTES [3]: a b c", Describe(request));
    }

    [Fact]
    public void Read_EmptyRows_KeepTheirShape()
    {
        using PredictRequest request = Request("{\"instances\":[{\"ids\":[],\"text\":\"a\"},{\"ids\":[],\"text\":\"b\"}]}", ManyInputs);
        Assert.Equal("ids INT64 [2, 0]: ; text BYTES [2]: a b", Describe(request));
    }

    [Fact]
    public void Read_BytesInput_TakesBareBase64Objects()
    {
        ModelSignature image = Signature(new TensorSpec("image", TensorType.Bytes, [-1]));
        using PredictRequest request = Request("{\"instances\":[{\"b64\":\"aGk=\"},\"plain\"]}", image);
        Assert.Equal("image BYTES [2]: hi plain", Describe(request));
    }

    [Theory]
    [InlineData("[]", "'instances' must be an array of at least one instance, but it is an empty array.")]
    [InlineData("{\"x\":[1,2]}", "'instances' must be an array of at least one instance, but it is an object.")]
    [InlineData("5", "'instances' must be an array of at least one instance, but it is a number.")]
    [InlineData("[[1,2],[3]]", "Input 'x' is ragged: [1] has 1 element, but the arrays before it have 2.")]
    [InlineData("[{\"x\":[1,2]},{\"x\":[3]}]", "Input 'x' is ragged: [1] has 1 element, but the arrays before it have 2.")]
    [InlineData("[{\"x\":[1,2]},{\"x\":3}]", "Input 'x' is ragged: [1] is no array, but the elements before it are.")]
    [InlineData("[{\"x\":1},{\"x\":[3]},{\"x\":3}]", "Input 'x' is ragged: [1] is an array, but the elements before it are not.")]
    [InlineData("[{\"x\":[1,2]},{\"x\":[3,null]}]", "Input 'x' expects FP32 (numbers), but got null at [1][1].")]
    [InlineData("[{\"x\":[1,2]},{}]", "Instance 1 has no input 'x', but an instance before it has.")]
    [InlineData("[{},{\"x\":[1,2]}]", "Instance 1 has input 'x', but an instance before it has not.")]
    [InlineData("[{\"x\":[1,2],\"x\":[1,2]}]", "Instance 0 has input 'x' more than once.")]
    [InlineData("[{}]", "Input 'x' is missing; it expects FP32 [n, 2].")]
    [InlineData("[{\"x\":[1,2]},[3,4],5]", "The first instance is an object, but instance 1 is an array.")]
    [InlineData("[{\"x\":[1,2],\"y\":[]},{\"x\":[1,2],\"y\":[]}]", "The model has no input 'y'. Did you mean 'x'? Its inputs are 'x'.")]
    [InlineData("[{\"x\":[1,2,3]}]", "Input 'x' expects FP32 [n, 2], but got FP32 [1, 3].")]
    [InlineData("[{\"x\":[1,2]},{\"\\ud800\":1,\"x\":[1,2]}]", "The name of an input has half of a surrogate pair, which is no Unicode text.")]
    public void Read_OneFault_IsToldOnce(string instances, string fault) =>
        Assert.Equal([fault], Faults($"{{\"instances\":{instances}}}", OneInput));

    [Fact]
    public void Read_ManyInputs_FaultsAreToldOnceAnInput()
    {
        string rows = string.Join(',', Enumerable.Repeat("{\"text\":\"a\",\"scale\":0.5,\"tokens\":1}", 50));
        Assert.Equal(
            [
                "The model has no input 'tokens'. Its inputs are 'ids', 'text', 'scale'.",
                "Instance 1 has no input 'text', but an instance before it has.",
                "Instance 1 has no input 'scale', but an instance before it has.",
                "Instance 1 has input 'ids', but an instance before it has not.",
            ],
            Faults($"{{\"instances\":[{{\"text\":\"a\",\"scale\":1,\"tokens\":1}},{{\"ids\":[1]}},{rows}]}}", ManyInputs).Order(StringComparer.Ordinal).Reverse());
    }

    [Fact]
    public void Read_BareValuesForManyInputs_IsOneFault() =>
        Assert.Equal(
            ["Each instance must be an object of the model's inputs, but the first is an array."],
            Faults("{\"instances\":[[1,2]]}", ManyInputs));
}
