using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;
using static ModelGateway.Tests.Protocols.Native.NativeReadings;

namespace ModelGateway.Tests.Protocols.Native;

public sealed class NativeRequestReaderTests
{
    [Theory]
    [InlineData("{\"inputs\":{\"x\":[[1,2]]}}", "x FP32 [1, 2]: 1 2")]
    [InlineData("{\"inputs\":[[1,2],[3,4]]}", "x FP32 [2, 2]: 1 2 3 4")]
    [InlineData("{\"inputs\":{\"\\u0078\":[[1,2]]}}", "x FP32 [1, 2]: 1 2")]
    [InlineData("{\"\\u0069nputs\":[[NaN,-Infinity]]}", "x FP32 [1, 2]: NaN -Infinity")]
    [InlineData(" {\n\"inputs\" : { \"x\" : [ [ 1 , 2 ] ] } }\n ", "x FP32 [1, 2]: 1 2")]
    [InlineData("{\"model\":\"iris\",\"version\":3,\"inputs\":[[1,2]],\"outputs\":[],\"parameters\":{}}", "x FP32 [1, 2]: 1 2")]
    [InlineData("{\"inputs\":[[1,2]],\"version\":\"3\"}", "x FP32 [1, 2]: 1 2")]
    public void Read_OneInput_TakesNamedAndBareValues(string body, string expected)
    {
        using PredictRequest request = Request(body, OneInput);
        Assert.Equal(expected, Describe(request));
        Assert.Null(request.Outputs);
        Assert.Null(request.Timeout);
    }

    [Theory]
    [InlineData("{\"inputs\":{\"ids\":[[1,2]],\"text\":[\"a\"]}}", "ids INT64 [1, 2]: 1 2; text BYTES [1]: a")]
    [InlineData("{\"inputs\":{\"scale\":[0.5],\"text\":[\"a\"],\"ids\":[[1,2]]}}", "scale FP64 [1]: 0.5; text BYTES [1]: a; ids INT64 [1, 2]: 1 2")]
    [InlineData("{\"inputs\":{\"text\":[],\"ids\":[[]]}}", "text BYTES [0]: ; ids INT64 [1, 0]: ")]
    public void Read_ManyInputs_TakesThemInAnyOrder(string body, string expected)
    {
        using PredictRequest request = Request(body, ManyInputs);
        Assert.Equal(expected, Describe(request));
    }

    [Fact]
    public void Read_ScalarInput_TakesABareNumber()
    {
        ModelSignature scalar = Signature(new TensorSpec("rate", TensorType.Int64, []));
        foreach (string body in new[] { "{\"inputs\":16000}", "{\"inputs\":{\"rate\":16000}}" })
        {
            using PredictRequest request = Request(body, scalar);
            Assert.Equal("rate INT64 []: 16000", Describe(request));
        }

        Assert.Equal(["Input 'rate' expects INT64 [], but got INT64 [1]."], Faults("{\"inputs\":[16000]}", scalar));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"inputs\":{}}")]
    public void Read_NothingNeeded_TakesNothing(string body)
    {
        using PredictRequest none = Request(body, Signature());
        Assert.Empty(none.Inputs);
        using PredictRequest optional = Request(body, Signature(new TensorSpec("w", TensorType.Fp32, [1]) { Optional = true }));
        Assert.Empty(optional.Inputs);
    }

    [Fact]
    public void Read_OneRequiredInputAmongOptionalOnes_TakesItBare()
    {
        ModelSignature signature = Signature(
            new TensorSpec("w", TensorType.Fp32, [1]) { Optional = true },
            new TensorSpec("x", TensorType.Fp32, [1]));
        using PredictRequest request = Request("{\"inputs\":[5]}", signature);
        Assert.Equal("x FP32 [1]: 5", Describe(request));
    }

    [Fact]
    public void Read_BytesInput_TakesABareBase64Object()
    {
        ModelSignature image = Signature(new TensorSpec("image", TensorType.Bytes, []));
        using PredictRequest bare = Request("{\"inputs\":{\"b64\":\"aGk=\"}}", image);
        Assert.Equal("image BYTES []: hi", Describe(bare));

        ModelSignature named = Signature(new TensorSpec("b64", TensorType.Bytes, []));
        using PredictRequest byName = Request("{\"inputs\":{\"b64\":\"aGk=\"}}", named);
        Assert.Equal("b64 BYTES []: aGk=", Describe(byName));
    }

    [Fact]
    public void Read_OutputsAndTimeout_AreKept()
    {
        using PredictRequest request = Request(
            "{\"outputs\":[\"scores\",\"l\\u0061bel\"],\"parameters\":{\"timeout\":2500},\"inputs\":[[1,2]]}", OneInput);
        Assert.Equal(["scores", "label"], request.Outputs);
        Assert.Equal(TimeSpan.FromMilliseconds(2.5), request.Timeout);
        using PredictRequest none = Request("{\"parameters\":{\"timeout\":0},\"inputs\":[[1,2]]}", OneInput);
        Assert.Null(none.Timeout);
        using PredictRequest longest = Request("{\"parameters\":{\"timeout\":9223372036854775807},\"inputs\":[[1,2]]}", OneInput);
        Assert.Equal(TimeSpan.FromDays(1), longest.Timeout);
    }

    [Theory]
    [InlineData("[1]", "The body must be a JSON object with 'inputs' or 'instances', but it is an array.")]
    [InlineData("\"secret\"", "The body must be a JSON object with 'inputs' or 'instances', but it is a string.")]
    [InlineData("null", "The body must be a JSON object with 'inputs' or 'instances', but it is null.")]
    [InlineData("{}", "The body has neither 'inputs' nor 'instances'; the model takes 'x' FP32 [n, 2].")]
    [InlineData("{\"inputs\":[[1,2]],\"instances\":[[1,2]]}", "The body has both 'inputs' and 'instances'; give one of them.")]
    [InlineData("{\"inputs\":[[1,2]],\"inputs\":[[1,2]]}", "The body has the key 'inputs' more than once.")]
    [InlineData("{\"inputs\":{\"x\":[[1,2]],\"x\":[[3,4]]}}", "Input 'x' is given more than once.")]
    [InlineData("{\"inputs\":{}}", "Input 'x' is missing; it expects FP32 [n, 2].")]
    [InlineData("{\"inputs\":[[1,2,3]]}", "Input 'x' expects FP32 [n, 2], but got FP32 [1, 3].")]
    [InlineData("{\"inputs\":[1,2]}", "Input 'x' expects FP32 [n, 2], but got FP32 [2].")]
    [InlineData("{\"inputs\":[[1,\"a\"]]}", "Input 'x' expects FP32 (numbers), but got a string at [0][1]; the only strings it takes are \"NaN\", \"Infinity\" and \"-Infinity\".")]
    [InlineData("{\"inputs\":null}", "Input 'x' expects FP32 (numbers), but got null.")]
    [InlineData("{\"inputs\":[[1,2]],\"outputs\":[\"lable\"]}", "The model has no output 'lable'. Did you mean 'label'? Its outputs are 'label', 'scores'.")]
    [InlineData("{\"inputs\":[[1,2]],\"outputs\":[\"label\",\"label\"]}", "Output 'label' is asked for more than once.")]
    [InlineData("{\"inputs\":[[1,2]],\"outputs\":\"label\"}", "'outputs' must be an array of strings.")]
    [InlineData("{\"inputs\":[[1,2]],\"outputs\":[[\"label\"],{},null,NaN]}", "'outputs' must be an array of strings.")]
    [InlineData("{\"inputs\":[[1,2]],\"parameters\":[]}", "'parameters' must be an object, but it is an array.")]
    [InlineData("{\"inputs\":[[1,2]],\"parameters\":{\"timeuot\":[5]}}", "The parameter 'timeuot' is unknown. Did you mean 'timeout'? The only one is 'timeout', in microseconds.")]
    [InlineData("{\"inputs\":[[1,2]],\"parameters\":{\"timeout\":-1}}", "The parameter 'timeout' must be a whole number of microseconds, 0 or more.")]
    [InlineData("{\"inputs\":[[1,2]],\"parameters\":{\"timeout\":\"5\"}}", "The parameter 'timeout' must be a whole number of microseconds, 0 or more.")]
    [InlineData("{\"inputs\":[[1,2]],\"parameters\":{\"timeout\":5,\"timeout\":5}}", "The parameter 'timeout' is given more than once.")]
    [InlineData("{\"inputs\":[[1,2]],\"model\":\"mnist\"}", "The body is for the model 'mnist', but the path asks for 'iris'.")]
    [InlineData("{\"inputs\":[[1,2]],\"model\":7}", "'model' must be a string, but it is a number.")]
    [InlineData("{\"inputs\":[[1,2]],\"version\":2}", "The body asks for version '2', but the path asks for 'iris/3'.")]
    [InlineData("{\"inputs\":[[1,2]],\"version\":\"stable\"}", "The body asks for version 'stable', but the path asks for 'iris/3'.")]
    [InlineData("{\"inputs\":[[1,2]],\"version\":3.0}", "'version' must be a string or a positive whole number.")]
    [InlineData("{\"inputs\":[[1,2]],\"version\":null}", "'version' must be a string or a positive whole number.")]
    [InlineData("{\"inputs\":[[1,2]],\"\\ud800\":1}", "A key of the body has half of a surrogate pair, which is no Unicode text.")]
    [InlineData("{\"inputs\":[[1,2]]} {}", "The body is not valid JSON at line 1, byte 20.")]
    [InlineData("{\"inputs\":[[1,2]],}", "The body is not valid JSON at line 1, byte 19: JSON has no trailing commas.")]
    [InlineData("{\"inputs\":[[1,2]]", "The JSON ends too early, at line 1, byte 18: something is still open.")]
    public void Read_OneFault_IsToldOnce(string body, string fault) => Assert.Equal([fault], Faults(body, OneInput));

    [Fact]
    public void Read_UnknownKeys_SuggestTheKnownOne()
    {
        const string All = "It may have 'inputs', 'instances', 'outputs', 'parameters', 'model', 'version'.";
        Assert.Equal(
            [$"The body has an unknown key 'input'. Did you mean 'inputs'? {All}", "The body has neither 'inputs' nor 'instances'; the model takes 'x' FP32 [n, 2]."],
            Faults("{\"input\":[[1,2]]}", OneInput));
        Assert.Equal([$"The body has an unknown key 'zzz'. {All}"], Faults("{\"zzz\":{\"a\":[1]},\"inputs\":[[1,2]]}", OneInput));
    }

    [Fact]
    public void Read_FaultsOfAllParts_AreInOneAnswer()
    {
        string[] faults = Faults(
            "{\"inputs\":{\"ids\":[[1.5,2]],\"txet\":[\"a\"],\"scale\":[1,2,[3]]},\"outputs\":[\"nothing\"],\"what\":0}", ManyInputs);
        Assert.Equal(
            [
                "Input 'ids' has a fraction at [0][0], but INT64 takes whole numbers.",
                "The model has no input 'txet'. Did you mean 'text'? Its inputs are 'ids', 'text', 'scale'.",
                "Input 'scale' is ragged: [2] is an array, but the elements before it are not.",
                "The body has an unknown key 'what'. It may have 'inputs', 'instances', 'outputs', 'parameters', 'model', 'version'.",
                "Input 'text' is missing; it expects BYTES [?].",
                "The model has no output 'nothing'. Its outputs are 'label', 'scores'.",
            ],
            faults);
    }

    [Fact]
    public void Read_BareValueForManyInputs_IsOneFault()
    {
        Assert.Equal(
            ["'inputs' must be an object of the model's inputs, 'ids' INT64 [?, ?], 'text' BYTES [?], 'scale' FP64 [?]; but it is an array."],
            Faults("{\"inputs\":[[1,2]]}", ManyInputs));
        Assert.Equal(["'inputs' must be an empty object: the model has none; but it is an array."], Faults("{\"inputs\":[1]}", Signature()));
    }

    [Fact]
    public void Read_LongNames_AreCutInTheAnswer()
    {
        string name = new('é', 100_000);
        string[] faults = Faults($"{{\"inputs\":{{\"{name}\":[1],\"x\":[[1,2]]}},\"{name}\":1,\"outputs\":[\"{name}\"],\"model\":\"{name}\"}}", OneInput);
        Assert.Equal(4, faults.Length);
        Assert.All(faults, fault => Assert.True(fault.Length < 400 && fault.Contains(new string('é', 64) + "…", StringComparison.Ordinal)));
    }

    [Fact]
    public void Read_EndlessFaults_StopsWhereTheAnswerIsFull()
    {
        string keys = string.Join(',', Enumerable.Range(0, 200_000).Select(i => $"\"key{i}\":0"));
        foreach (string body in new[] { $"{{{keys}}}", $"{{\"inputs\":{{{keys}}}}}", $"{{\"parameters\":{{{keys}}}}}", $"{{\"instances\":[{{{keys}}}]}}" })
        {
            Assert.Equal(FaultList.Capacity, Faults(body, OneInput).Length);
        }

        string surrogates = string.Join(',', Enumerable.Repeat("\"\\ud800\":0", 100_000));
        Assert.Equal(FaultList.Capacity, Faults($"{{{surrogates}}}", OneInput).Length);
        string outputs = string.Join(',', Enumerable.Repeat("\"nothing\"", 100_000));
        Assert.Equal(FaultList.Capacity, Faults($"{{\"inputs\":[[1,2]],\"outputs\":[{outputs}]}}", OneInput).Length);
    }

    [Fact]
    public void Read_NonAsciiInputName_IsFound()
    {
        ModelSignature signature = Signature(new TensorSpec("größe", TensorType.Fp32, [-1]), new TensorSpec("大きさ", TensorType.Fp32, [-1]));
        using PredictRequest request = Request("{\"inputs\":{\"大きさ\":[1],\"gr\\u00f6\\u00dfe\":[2]}}", signature);
        Assert.Equal("大きさ FP32 [1]: 1; größe FP32 [1]: 2", Describe(request));
    }
}
