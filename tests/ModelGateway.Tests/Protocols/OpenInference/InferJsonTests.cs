using System.IO.Compression;
using System.Net;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>JSON requests that are answered.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class InferJsonTests(OpenInferenceHost host)
{
    private const string Add = """{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]}""";

    [Fact]
    public async Task Infer_Plain_IsAnsweredWhole()
    {
        InferReply reply = await host.Gateway.InferAsync("add", Add);

        Assert.Equal("""{"model_name":"add","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[2,2],"data":[2,3,4,5]}]}""", reply.Json);
    }

    [Theory]
    [InlineData("[[1,2],[3,4]]")]
    [InlineData("[1,2,3,4]")]
    [InlineData("[1.0,2e0,0.3e1,4]")]
    public async Task Infer_DataFlatOrNested_IsTheSame(string data)
    {
        InferReply reply = await host.Gateway.InferAsync("add", $$"""{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":{{data}}}]}""");

        Assert.Equal("[2,3,4,5]", reply.Data("y"));
    }

    [Theory]
    [InlineData("""{"inputs":[{"data":[1,2],"datatype":"FP32","shape":[1,2],"name":"x"}]}""")]
    [InlineData("""{"inputs":[{"datatype":"FP32","data":[1,2],"name":"x","shape":[1,2]}],"id":null}""")]
    [InlineData("""{"outputs":[{"parameters":{},"name":"y"}],"inputs":[{"shape":[1,2],"name":"x","data":[[1,2]],"parameters":{},"datatype":"FP32"}]}""")]
    [InlineData("""{"parameters":null,"outputs":null,"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":null,"data":[1,2]}]}""")]
    public async Task Infer_KeysInAnyOrder_AreRead(string json) =>
        Assert.Equal("[2,3]", (await host.Gateway.InferAsync("add", json)).Data("y"));

    [Fact]
    public async Task Infer_KeysAndParametersNobodyKnows_ArePassedOver()
    {
        InferReply reply = await host.Gateway.InferAsync("add", """
            {"model_name":"add","model_version":"9","raw":[{"a":[1]}],"parameters":{"sequence_id":7,"priority":1,"headers":{"a":[1,{}]},"content_type":"np"},
             "inputs":[{"name":"x","extra":{"data":[9]},"shape":[1,1],"datatype":"FP32","parameters":{"content_type":"np","deep":[[]]},"data":[1]}],
             "outputs":[{"name":"y","datatype":"FP32","parameters":{"content_type":"np"}}]}
            """);

        Assert.Equal("[2]", reply.Data("y"));
    }

    [Theory]
    [InlineData("\"42\"", "\"42\"")]
    [InlineData("\"\"", "\"\"")]
    [InlineData("\"\\u017c\\\"\\n\"", "\"ż\\\"\\n\"")]
    public async Task Infer_Id_IsEchoed(string id, string echoed)
    {
        InferReply reply = await host.Gateway.InferAsync("add", $$"""{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}],"id":{{id}}}""");

        Assert.Equal(echoed, reply.Root.GetProperty("id").GetRawText());
    }

    [Fact]
    public async Task Infer_NonFiniteNumbers_GoInAndOutAsBareTokens()
    {
        InferReply reply = await host.Gateway.InferAsync("add", """{"inputs":[{"name":"x","shape":[1,6],"datatype":"FP32","data":[NaN,Infinity,-Infinity,"NaN","Infinity","-Infinity"]}]}""");

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Contains("\"data\":[NaN,Infinity,-Infinity,NaN,Infinity,-Infinity]", reply.Json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Infer_Version_AnswersByNumber()
    {
        using HttpContent body = InferCalls.Json("""{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}""");
        InferReply reply = await InferReply.ReadAsync(await host.Gateway.Client.PostAsync("/v2/models/mlp/versions/3/infer", body));

        Assert.Equal("3", reply.Root.GetProperty("model_version").GetString());
    }

    [Theory]
    [InlineData("scalar", "[]", "[3]", "[]", "[6]")]
    [InlineData("scalar", "[]", "3", "[]", "[6]")]
    [InlineData("any_rank", "[]", "[3]", "[]", "[6]")]
    [InlineData("any_rank", "[1,2,1]", "[[[1],[2]]]", "[1,2,1]", "[2,4]")]
    [InlineData("any_rank", "[2,0]", "[]", "[2,0]", "[]")]
    [InlineData("any_rank", "[2,0]", "[[],[]]", "[2,0]", "[]")]
    [InlineData("empty", "[2,3]", "[1,2,3,4,5,6]", "[0,3]", "[]")]
    public async Task Infer_OddShapes_AreAnsweredAsTheModelGivesThem(string model, string shape, string data, string expectedShape, string expectedData)
    {
        InferReply reply = await host.Gateway.InferAsync(model, $$"""{"inputs":[{"name":"x","shape":{{shape}},"datatype":"FP32","data":{{data}}}]}""");

        Assert.Equal((expectedShape, expectedData), (reply.Shape("y"), reply.Data("y")));
    }

    [Theory]
    [InlineData("""{"inputs":[]}""")]
    [InlineData("{}")]
    public async Task Infer_ModelWithoutInputs_NeedsNone(string json) =>
        Assert.Equal("[1.5,-2]", (await host.Gateway.InferAsync("none", json)).Data("y"));

    [Theory]
    [InlineData("", "[11,22]")]
    [InlineData(""",{"name":"bias","shape":[2],"datatype":"FP32","data":[0,1]}""", "[1,3]")]
    public async Task Infer_OptionalInput_MayBeLeftOut(string bias, string expected)
    {
        InferReply reply = await host.Gateway.InferAsync("optional", $$"""{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}{{bias}}]}""");

        Assert.Equal(expected, reply.Data("y"));
    }

    [Theory]
    [InlineData("[]", "ids_out,text_out,flags_out,pixels_out")]
    [InlineData("""[{"name":"flags_out"},{"name":"ids_out"}]""", "flags_out,ids_out")]
    public async Task Infer_Outputs_AreThoseAskedForInThatOrder(string outputs, string expected)
    {
        InferReply reply = await host.Gateway.InferAsync("mixed", $$"""
            {"outputs":{{outputs}},"inputs":[
              {"name":"pixels","shape":[1,2],"datatype":"UINT8","data":[1,2]},{"name":"ids","shape":[1],"datatype":"INT64","data":[5]},
              {"name":"text","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"flags","shape":[1],"datatype":"BOOL","data":[true]}]}
            """);

        Assert.Equal(expected, string.Join(",", reply.OutputNames));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Infer_CompressedBody_IsInflated(string encoding)
    {
        using var compressed = new MemoryStream();
        using (Stream compressor = encoding == "gzip" ? new GZipStream(compressed, CompressionMode.Compress, true) : new ZLibStream(compressed, CompressionMode.Compress, true))
        {
            compressor.Write(Encoding.UTF8.GetBytes(Add));
        }

        using var body = new ByteArrayContent(compressed.ToArray());
        body.Headers.ContentEncoding.Add(encoding);

        Assert.Equal("[2,3,4,5]", (await host.Gateway.InferAsync("add", body)).Data("y"));
    }

    [Fact]
    public async Task Infer_TimeoutInMicroseconds_EndsTheRun()
    {
        InferReply reply = await host.Gateway.InferAsync("slow", """
            {"parameters":{"timeout":50000},"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]},{"name":"iterations","shape":[],"datatype":"INT64","data":[1000000000]}]}
            """);

        Assert.Equal(HttpStatusCode.GatewayTimeout, reply.Status);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("60000000")]
    [InlineData("9223372036854775807")]
    public async Task Infer_TimeoutLongEnough_IsAnswered(string timeout)
    {
        InferReply reply = await host.Gateway.InferAsync("add", $$"""{"parameters":{"timeout":{{timeout}}},"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""");

        Assert.Equal("[2]", reply.Data("y"));
    }

    [Fact]
    public async Task Infer_AnyContentType_IsRead()
    {
        using HttpContent body = new StringContent(Add, Encoding.UTF8, "application/x-www-form-urlencoded");

        Assert.Equal("[2,3,4,5]", (await host.Gateway.InferAsync("add", body)).Data("y"));
    }
}
