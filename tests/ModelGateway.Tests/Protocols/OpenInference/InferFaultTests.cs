using System.Net;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Requests at fault: each fault is told once, with what was expected and what came, and all of them in one answer.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class InferFaultTests(OpenInferenceHost host)
{
    [Theory]
    [InlineData("", "The body is empty; it must be a JSON object.")]
    [InlineData("  \n", "The body is empty; it must be a JSON object.")]
    [InlineData("[1]", "The body must be a JSON object with 'inputs', but it is an array.")]
    [InlineData("NaN", "The body is not valid JSON at line 1, byte 1.")]
    [InlineData("{\"inputs\":[", "The JSON ends too early, at line 1, byte 12: something is still open.")]
    [InlineData("{\"inputs\":[]}}", "The body is not valid JSON at line 1, byte 14.")]
    [InlineData("{\"inputs\":{}}", "'inputs' must be an array of tensors, but it is an object.")]
    [InlineData("{\"inputs\":[],\"inputs\":[]}", "The request has the key 'inputs' more than once. Input 'x' is missing; it expects FP32 [batch, ?].")]
    [InlineData("{}", "The request has no 'inputs'. The model needs 'x' FP32 [batch, ?].")]
    [InlineData("{\"input\":[]}", "The request has no 'inputs'. It has a key 'input'; did you mean 'inputs'? The model needs 'x' FP32 [batch, ?].")]
    [InlineData("{\"inputs\":[]}", "Input 'x' is missing; it expects FP32 [batch, ?].")]
    [InlineData("{\"inputs\":[7]}", "inputs[0] must be an object with 'name', 'shape', 'datatype' and 'data', but it is a number. Input 'x' is missing; it expects FP32 [batch, ?].")]
    public async Task Infer_BodyAtFault_IsRefused(string json, string error) => await CheckAsync("add", json, error);

    [Theory]
    [InlineData("{}", "inputs[0] has no 'name'. inputs[0] has no 'shape'. inputs[0] has no 'datatype'. Input 'x' is missing; it expects FP32 [batch, ?].")]
    [InlineData("""{"nam":"x","shape":[1,1],"datatype":"FP32","data":[1]}""", "inputs[0] has no 'name'. It has a key 'nam'; did you mean 'name'? Input 'x' is missing; it expects FP32 [batch, ?].")]
    [InlineData("""{"name":"x","shap":[1,1],"data_type":"FP32","data":[1]}""", "Input 'x' has no 'shape'. It has a key 'shap'; did you mean 'shape'? Input 'x' has no 'datatype'. It has a key 'data_type'; did you mean 'datatype'?")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"FP32"}""", "Input 'x' has no 'data'.")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"FP32","date":[1]}""", "Input 'x' has no 'data'. It has a key 'date'; did you mean 'data'?")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"FP32","data":null}""", "Input 'x' has no 'data'.")]
    [InlineData("""{"name":7,"shape":[1,1],"datatype":"FP32","data":[1]}""", "inputs[0] has a 'name' that is a number. Input 'x' is missing; it expects FP32 [batch, ?].")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":NaN,"data":[1]}""", "Input 'x' has a 'datatype' that is a non-finite number.")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"fp32","data":[1]}""", "Input 'x' has the datatype 'fp32', but the model expects FP32; there are BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES.")]
    [InlineData("""{"data":[1],"datatype":"INT65","shape":[1,1],"name":"x"}""", "Input 'x' has the datatype 'INT65', but the model expects FP32; there are BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES.")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"INT32","data":[1]}""", "Input 'x' expects FP32 [batch, ?], but got INT32 [1, 1].")]
    [InlineData("""{"name":"x","shape":[1],"datatype":"FP32","data":[1]}""", "Input 'x' expects FP32 [batch, ?], but got FP32 [1].")]
    [InlineData("""{"name":"x","shape":[-1,1],"datatype":"FP32","data":[1]}""", "Input 'x' has the shape [-1, 1], but no dimension can be negative.")]
    [InlineData("""{"name":"x","shape":[4294967296,4294967296],"datatype":"FP32","data":[1]}""", "Input 'x' has the shape [4294967296, 4294967296], which is more elements than can be counted.")]
    [InlineData("""{"name":"x","shape":[9223372036854775807,1],"datatype":"FP32","data":[1]}""", "Input 'x' has shape [9223372036854775807, 1], which is 9223372036854775807 elements, but its data has 1.")]
    [InlineData("""{"name":"x","shape":[9223372036854775808,1],"datatype":"FP32","data":[1]}""", "Input 'x' has a number that is not whole or out of range in its 'shape', where whole numbers stand.")]
    [InlineData("""{"name":"x","shape":[1.5,1],"datatype":"FP32","data":[1]}""", "Input 'x' has a number that is not whole or out of range in its 'shape', where whole numbers stand.")]
    [InlineData("""{"name":"x","shape":["1",[1],{}],"datatype":"FP32","data":[1]}""", "Input 'x' has a string in its 'shape', where whole numbers stand.")]
    [InlineData("""{"name":"x","shape":4,"datatype":"FP32","data":[1]}""", "Input 'x' has a 'shape' that is a number, not an array of whole numbers.")]
    [InlineData("""{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3]}""", "Input 'x' has shape [2, 2], which is 4 elements, but its data has 3.")]
    [InlineData("""{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2,3,4]]}""", "Input 'x' has shape [2, 2], but its data is nested as [1, 4]; give it flat, or nested as the shape says.")]
    [InlineData("""{"name":"x","parameters":[1],"shape":[1,1],"datatype":"FP32","data":[1]}""", "Input 'x' has 'parameters' that are an array, not an object.")]
    [InlineData("""{"name":"x","data":[1],"shape":[1,1],"datatype":"FP32","data":[1]}""", "Input 'x' has the key 'data' more than once.")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"FP32","data":[1],"data":[1]}""", "Input 'x' has the key 'data' more than once.")]
    [InlineData("""{"name":"y","shape":[1,1],"datatype":"FP32","data":[1]}""", "The model has no input 'y'. Did you mean 'x'? Its inputs are 'x'. Input 'x' is missing; it expects FP32 [batch, ?].")]
    [InlineData("""{"name":"x","shape":[1,1],"datatype":"FP32","data":["a"]}""", "Input 'x' expects FP32 (numbers), but got a string at [0]; the only strings it takes are \"NaN\", \"Infinity\" and \"-Infinity\".")]
    public async Task Infer_InputAtFault_IsRefused(string input, string error) => await CheckAsync("add", $$"""{"inputs":[{{input}}]}""", error);

    [Fact]
    public async Task Infer_InputGivenTwice_IsToldOnce() => await CheckAsync(
        "add",
        """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]},{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""",
        "Input 'x' is given more than once.");

    [Theory]
    [InlineData("INT8", "128", "Input 'x' has a number at [0] that is out of range for INT8 (-128 to 127).")]
    [InlineData("UINT8", "-1", "Input 'x' has a number at [0] that is out of range for UINT8 (0 to 255).")]
    [InlineData("INT64", "9223372036854775808", "Input 'x' has a number at [0] that is out of range for INT64 (-9223372036854775808 to 9223372036854775807).")]
    [InlineData("INT32", "1.5", "Input 'x' has a fraction at [0], but INT32 takes whole numbers.")]
    [InlineData("FP16", "70000", "Input 'x' has a number at [0] that is out of range for FP16.")]
    [InlineData("BOOL", "2", "Input 'x' has a number at [0] that is out of range for BOOL (0 to 1).")]
    [InlineData("BYTES", "7", "Input 'x' expects BYTES (strings), but got a number at [0].")]
    public async Task Infer_ElementAtFault_IsRefused(string type, string element, string error) =>
        await CheckAsync($"identity_{type}", $$"""{"inputs":[{"name":"x","shape":[1],"datatype":"{{type}}","data":[{{element}}]}]}""", error);

    [Theory]
    [InlineData("""{"name":"y"}""", "'outputs' must be an array of objects, but it is an object.")]
    [InlineData("""["y"]""", "outputs[0] must be an object with a 'name', but it is a string.")]
    [InlineData("""[{"nme":"y"}]""", "outputs[0] has no 'name'. It has a key 'nme'; did you mean 'name'?")]
    [InlineData("""[{"name":3}]""", "The 'name' of outputs[0] must be a string, but it is a number.")]
    [InlineData("""[{"name":"Y_"}]""", "The model has no output 'Y_'. Did you mean 'y'? Its outputs are 'y'.")]
    [InlineData("""[{"name":"y"},{"name":"y"}]""", "Output 'y' is asked for more than once.")]
    [InlineData("""[{"name":"y","parameters":7}]""", "The 'parameters' of outputs[0] must be an object, but they are a number.")]
    [InlineData("""[{"name":"y","parameters":{"binary_data":1}}]""", "The parameter 'binary_data' of outputs[0] must be true or false, but it is a number.")]
    [InlineData("""[{"name":"y","parameters":{"classification":-1}}]""", "The parameter 'classification' of outputs[0] must be a whole number of 0 or more, but it is a number.")]
    [InlineData("""[{"name":"y","parameters":{"shared_memory_region":"r"}}]""", "outputs[0] asks for shared memory, which this server does not have; use binary_data instead.")]
    public async Task Infer_OutputsAtFault_AreRefused(string outputs, string error) =>
        await CheckAsync("add", $$"""{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}],"outputs":{{outputs}}}""", error);

    [Theory]
    [InlineData("\"id\":7", "'id' must be a string, but it is a number.")]
    [InlineData("\"id\":Infinity", "'id' must be a string, but it is a non-finite number.")]
    [InlineData("\"parameters\":[]", "'parameters' must be an object, but it is an array.")]
    [InlineData("\"parameters\":{\"timeout\":-1}", "The parameter 'timeout' must be a whole number of microseconds, 0 or more.")]
    [InlineData("\"parameters\":{\"timeout\":\"1\"}", "The parameter 'timeout' must be a whole number of microseconds, 0 or more.")]
    [InlineData("\"parameters\":{\"binary_data_output\":\"true\"}", "The parameter 'binary_data_output' must be true or false, but it is a string.")]
    public async Task Infer_RestAtFault_IsRefused(string member, string error) =>
        await CheckAsync("add", $$"""{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}],{{member}}}""", error);

    [Fact]
    public async Task Infer_SeveralAtFault_AreAllInOneAnswer()
    {
        InferReply reply = await host.Gateway.InferAsync("mixed", """
            {"id":1,"inputs":[
              {"name":"ids","shape":[1],"datatype":"FP32","data":[1]},
              {"name":"pixels","shape":[1,2],"datatype":"UINT8","data":[1,256]},
              {"name":"txt","shape":[1],"datatype":"BYTES","data":["a"]}],
             "outputs":[{"name":"ids_oud"}]}
            """);

        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Equal(["id", "ids", "pixels", "txt", "ids_oud", "text", "flags"], reply.Targets);
        Assert.Equal("INT64 [batch]", reply.Root.GetProperty("faults")[1].GetProperty("expected").GetString());
        Assert.Equal("FP32 [1]", reply.Root.GetProperty("faults")[1].GetProperty("got").GetString());
    }

    [Fact]
    public async Task Infer_MoreFaultsThanAnAnswerHolds_AreCutShort()
    {
        InferReply reply = await host.Gateway.InferAsync("add", $$"""{"inputs":[{{string.Join(",", Enumerable.Repeat("7", 100_000))}}]}""");

        Assert.Equal(32, reply.Root.GetProperty("faults").GetArrayLength());
    }

    [Fact]
    public async Task Infer_DeepJson_IsRefused()
    {
        InferReply reply = await host.Gateway.InferAsync("add", "{\"x\":" + new string('[', 100_000));

        Assert.Equal((HttpStatusCode.BadRequest, "The JSON is nested deeper than 64 levels at line 1, byte 69."), (reply.Status, reply.Error));
    }

    [Fact]
    public async Task Infer_NotUtf8_IsRefused()
    {
        InferReply reply = await host.Gateway.InferAsync("add", new ByteArrayContent([.. "{\"id\":\""u8, 0xC3, 0x28, .. "\"}"u8]));

        Assert.Equal((HttpStatusCode.BadRequest, "The body is not valid UTF-8: the byte at offset 7 cannot stand there."), (reply.Status, reply.Error));
    }

    [Theory]
    [InlineData("""{"id":"\ud800"}""")]
    [InlineData("""{"inputs":[{"name":"\ud800","\ud800":1}],"\udc00":1}""")]
    [InlineData("""{"inputs":[],"outputs":[{"name":"\ud800","\ud800":1,"parameters":{"\ud800":1}}],"parameters":{"\ud800":1}}""")]
    public async Task Infer_HalfOfASurrogatePair_IsRefused(string json) =>
        Assert.Equal(HttpStatusCode.BadRequest, (await host.Gateway.InferAsync("add", json)).Status);

    [Fact]
    public async Task Infer_ModelRefusesTheInput_Is400AndTheNextIsAnswered()
    {
        InferReply bad = await host.Gateway.InferAsync("gather", Gather(7));
        InferReply good = await host.Gateway.InferAsync("gather", Gather(2));

        Assert.Equal(HttpStatusCode.BadRequest, bad.Status);
        Assert.StartsWith("The model cannot run on this input:", bad.Error, StringComparison.Ordinal);
        Assert.Equal("[3]", good.Data("y"));

        static string Gather(int index) =>
            $$"""{"inputs":[{"name":"data","shape":[3],"datatype":"FP32","data":[1,2,3]},{"name":"index","shape":[1],"datatype":"INT64","data":[{{index}}]}]}""";
    }

    [Theory]
    [InlineData("/v2/models/ad/infer", HttpStatusCode.NotFound, "There is no model 'ad'. Did you mean 'add'?")]
    [InlineData("/v2/models/add/versions/2/infer", HttpStatusCode.NotFound, "The model 'add' has no version 2. It has 1.")]
    [InlineData("/v2/models/add/versions/live/infer", HttpStatusCode.NotFound, "The model 'add' has no version or label 'live'. It has no labels.")]
    [InlineData("/v2/models/broken/infer", HttpStatusCode.ServiceUnavailable, "'broken/1' is not ready: it is Failed.")]
    public async Task Infer_ModelUnknownOrFailed_IsRefused(string path, HttpStatusCode status, string error)
    {
        using HttpContent body = InferCalls.Json("""{"inputs":[]}""");
        InferReply reply = await InferReply.ReadAsync(await host.Gateway.Client.PostAsync(path, body));

        Assert.Equal(status, reply.Status);
        Assert.StartsWith(error, reply.Error, StringComparison.Ordinal);
    }

    private async Task CheckAsync(string model, string json, string error)
    {
        InferReply reply = await host.Gateway.InferAsync(model, new ByteArrayContent(Encoding.UTF8.GetBytes(json)));

        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));
    }
}
