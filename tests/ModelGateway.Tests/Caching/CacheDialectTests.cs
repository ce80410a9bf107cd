using System.Globalization;
using System.Net;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Protocols.OpenInference;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What shares a prediction and what never does.</summary>
public sealed class CacheDialectTests(CacheDialectTests.Host shared) : IClassFixture<CacheDialectTests.Host>
{
    private const string Infer = """{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[VALUES]}]}""";
    private readonly GatewayHost _host = shared.Gateway;

    [Fact]
    public async Task Predict_OneRequestSpelledInManyWays_RunsOnceAndAnswersEachInItsOwn()
    {
        float[] values = [101, 2];
        CachedReply native = await _host.AskAsync("/predict/add", """{"inputs":{"x":[[101,2]]}}""");
        Assert.Equal(CachedReply.MissStored, native.Cache);
        Assert.Equal("""{"model":"add","version":"1","outputs":{"y":[[102,3]]}}""", native.Body);

        CachedReply[] others =
        [
            await _host.AskAsync("/predict/add", """{ "inputs" : { "x" : [ [ 1.01e2, 2.0 ] ] } }"""),
            await _host.AskAsync("/predict/add", """{"instances":[[101,2]]}"""),
            await _host.AskAsync("/predict/add/versions/1", """{"inputs":[[101,2]]}"""),
            await _host.AskAsync("/predict", """{"model":"add","inputs":{"x":[[101,2]]}}"""),
            await _host.AskAsync("/v2/models/add/infer", Infer.Replace("VALUES", "101,2", StringComparison.Ordinal)),
            await _host.AskAsync("/v2/models/add/versions/1/infer", Infer.Replace("[VALUES]", "[[101.0, 2]]", StringComparison.Ordinal)),
            await _host.AskAsync("/v2/models/add/infer", BinaryBody(values, "")),
            await _host.AskAsync("/v2/models/add/infer", BinaryBody(values, ""","parameters":{"binary_data_output":true}""")),
        ];

        Assert.All(others, reply => Assert.Equal((HttpStatusCode.OK, "memory"), (reply.Status, reply.HitFrom)));
        Assert.All(others[..4], reply => Assert.Equal(native.Body, reply.Body));
        Assert.All(others[4..7], reply => Assert.Equal("""{"name":"y","datatype":"FP32","shape":[1,2],"data":[102,3]}""", reply.Json.GetProperty("outputs")[0].GetRawText()));
        int start = int.Parse(others[7].BinaryStart!, CultureInfo.InvariantCulture);
        Assert.Equal(InferCalls.Floats(102, 3), others[7].Bytes[start..]);
        Assert.Equal("application/octet-stream", others[7].ContentType);
    }

    [Fact]
    public async Task Predict_SameBinaryBodyAgain_IsAnsweredAsItWasSent()
    {
        CachedReply[] replies = new CachedReply[3];
        for (int i = 0; i < replies.Length; i++)
        {
            replies[i] = await _host.AskAsync("/v2/models/add/infer", BinaryBody([201, 2], ""","parameters":{"binary_data_output":true}"""));
        }

        Assert.Equal([null, "memory", "answer"], replies.Select(reply => reply.HitFrom));
        Assert.All(replies, reply => Assert.Equal(
            (replies[0].ContentType, replies[0].BinaryStart, replies[0].Body), (reply.ContentType, reply.BinaryStart, reply.Body)));
    }

    [Fact]
    public async Task Predict_SameBytesReadAnotherWay_NeverShareAnAnswer()
    {
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await _host.AskAsync("/v2/models/add/infer", BinaryBody([301, 2], ""))).Status);
        }

        byte[] bytes = await BinaryBody([301, 2], "").ReadAsByteArrayAsync();
        CachedReply withoutHeader = await _host.AskAsync("/v2/models/add/infer", new ByteArrayContent(bytes));
        CachedReply otherHeader = await _host.AskAsync("/v2/models/add/infer", InferCalls.WithHeader(bytes, "5"));
        CachedReply otherDialect = await _host.AskAsync("/predict/add", new ByteArrayContent(bytes));

        Assert.All([withoutHeader, otherHeader, otherDialect], reply => Assert.Equal((HttpStatusCode.BadRequest, null), (reply.Status, reply.Cache)));
    }

    // What one path takes and another refuses is refused also where the answer is known.
    [Fact]
    public async Task Predict_BodyThatOnlyAnotherPathTakes_IsStillRefused()
    {
        const string body = """{"model":"two","version":"stable","inputs":{"x":[[401,2]]}}""";
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await _host.AskAsync("/predict", body)).Status);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await _host.AskAsync("/predict/two/versions/1", body)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _host.AskAsync("/predict/two/versions/stable", body)).Status);
    }

    [Fact]
    public async Task Infer_IdOfTheCaller_IsNeverThatOfARememberedAnswer()
    {
        string Body(string id) => $$"""{ {{id}} "inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[501,2]}]}""";
        for (int round = 0; round < 3; round++)
        {
            foreach (string id in new[] { "first", "second" })
            {
                CachedReply reply = await _host.AskAsync("/v2/models/add/infer", Body($"\"id\":\"{id}\","));
                Assert.Equal(id, reply.Json.GetProperty("id").GetString());
            }

            CachedReply nameless = await _host.AskAsync("/v2/models/add/infer", Body(""));
            Assert.False(nameless.Json.TryGetProperty("id", out _));
            Assert.Equal(round < 2 ? "memory" : "answer", nameless.HitFrom);
        }
    }

    [Theory]
    [InlineData("[1,4]", "[4,1]")]
    [InlineData("[2,2]", "[1,4]")]
    [InlineData("[0,4]", "[4,0]")]
    public async Task Infer_OtherShapeOfTheSameBytes_NeverShares(string one, string other)
    {
        string Body(string shape) => $$"""{"inputs":[{"name":"x","shape":{{shape}},"datatype":"FP32","data":{{(shape.Contains('0', StringComparison.Ordinal) ? "[]" : "[601,2,3,4]")}}}]}""";
        await _host.PurgeAsync("/v2/models/add/cache");

        foreach (string shape in new[] { one, other })
        {
            CachedReply reply = await _host.AskAsync("/v2/models/add/infer", Body(shape));
            Assert.Equal(CachedReply.MissStored, reply.Cache);
            Assert.Equal(shape, reply.Json.GetProperty("outputs")[0].GetProperty("shape").GetRawText());
            Assert.Equal("memory", (await _host.AskAsync("/v2/models/add/infer", " " + Body(shape))).HitFrom);
        }
    }

    [Fact]
    public async Task Infer_OtherTypeOfTheSameBytes_NeverShares()
    {
        foreach ((string model, string type) in new[] { ("floats", "FP32"), ("integers", "INT32"), ("bytes4", "UINT32") })
        {
            CachedReply reply = await _host.AskAsync($"/v2/models/{model}/infer", $$"""{"inputs":[{"name":"x","shape":[2],"datatype":"{{type}}","data":[0,0]}]}""");
            Assert.Equal(CachedReply.MissStored, reply.Cache);
            Assert.Equal(type, reply.Json.GetProperty("outputs")[0].GetProperty("datatype").GetString());
        }
    }

    [Fact]
    public async Task Infer_OtherOutputs_NeverShare()
    {
        string Body(string outputs) => $$"""{"inputs":[{"name":"ids","shape":[1],"datatype":"INT64","data":[7]},{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"flags","shape":[1],"datatype":"BOOL","data":[true]},{"name":"pixels","shape":[1,2],"datatype":"UINT8","data":[1,2]}]{{outputs}}}""";
        foreach (string[] names in new string[][] { [], ["ids_out"], ["text_out"], ["ids_out", "text_out"], ["text_out", "ids_out"] })
        {
            string outputs = names.Length == 0 ? "" : $",\"outputs\":[{string.Join(',', names.Select(name => $"{{\"name\":\"{name}\"}}"))}]";
            CachedReply reply = await _host.AskAsync("/v2/models/mixed/infer", Body(outputs));
            Assert.Equal(CachedReply.MissStored, reply.Cache);
            IEnumerable<string?> answered = reply.Json.GetProperty("outputs").EnumerateArray().Select(output => output.GetProperty("name").GetString());
            Assert.Equal(names.Length == 0 ? ["ids_out", "text_out", "flags_out", "pixels_out"] : names, answered);
        }

        // All of them by name, in the graph's order, is what naming none means.
        const string all = ""","outputs":[{"name":"ids_out"},{"name":"text_out"},{"name":"flags_out"},{"name":"pixels_out"}]""";
        Assert.Equal("memory", (await _host.AskAsync("/v2/models/mixed/infer", Body(all))).HitFrom);
    }

    [Fact]
    public async Task Infer_ValuesSwappedBetweenInputs_NeverShare()
    {
        string Body(float a, float b) => $$"""{"inputs":{"a":[[{{a}}]],"b":[[{{b}}]]} }""";
        Assert.Equal(CachedReply.MissStored, (await _host.AskAsync("/predict/sum", Body(1, 2))).Cache);
        Assert.Equal(CachedReply.MissStored, (await _host.AskAsync("/predict/sum", Body(2, 1))).Cache);
        Assert.Equal("memory", (await _host.AskAsync("/predict/sum", """{"inputs":{"b":[[2]],"a":[[1]]}}""")).HitFrom);
    }

    [Fact]
    public async Task Predict_OtherVersion_NeverShares()
    {
        const string body = """{"inputs":{"x":[[701,2]]}}""";
        for (int round = 0; round < 3; round++)
        {
            CachedReply one = await _host.AskAsync("/predict/two/versions/1", body);
            CachedReply two = await _host.AskAsync("/predict/two/versions/2", body);
            Assert.Equal("""{"model":"two","version":"1","outputs":{"y":[[702,3]]}}""", one.Body);
            Assert.Equal("""{"model":"two","version":"2","outputs":{"y":[[703,4]]}}""", two.Body);
            Assert.Equal(round switch { 0 => null, 1 => "memory", _ => "answer" }, one.HitFrom);
            Assert.Equal(one.HitFrom, two.HitFrom);
        }
    }

    private static HttpContent BinaryBody(float[] values, string more) => InferCalls.Binary(
        $$$"""{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]{{{more}}}}""", InferCalls.Floats(values));

    public sealed class Host : IAsyncLifetime
    {
        private GatewayHost? _gateway;

        public GatewayHost Gateway => _gateway!;

        public async Task InitializeAsync() => _gateway = await GatewayHost.StartAsync(Fill);

        public async Task DisposeAsync() => await Gateway.DisposeAsync();

        private static void Fill(RepositoryFolder repository)
        {
            repository.AddVersion("add", 1, TestModels.AddConstant(1));
            repository.AddVersion("sum", 1, TestModels.TwoInputsSum());
            repository.AddVersion("mixed", 1, TestModels.MixedTypes());
            repository.AddVersion("floats", 1, TestModels.Identity(OnnxElementType.Float, "n"));
            repository.AddVersion("integers", 1, TestModels.Identity(OnnxElementType.Int32, "n"));
            repository.AddVersion("bytes4", 1, TestModels.Identity(OnnxElementType.UInt32, "n"));
            repository.AddVersion("two", 1, TestModels.AddConstant(1));
            repository.AddVersion("two", 2, TestModels.AddConstant(2));
            repository.AddConfig("two", "{version_policy: all, labels: {stable: 1}}");
        }
    }
}
