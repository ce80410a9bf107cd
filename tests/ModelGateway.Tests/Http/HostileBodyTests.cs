using System.Text;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>Bodies that are wrong, sent to the real server: each is refused with 400 and what comes after it is answered as before.</summary>
public sealed class HostileBodyTests(HostileGateway hostile) : IClassFixture<HostileGateway>
{
    private const string Mixed = """{"inputs":{"ids":[1,2],"text":["é\u00e9",""],"flags":[true,false],"pixels":[[1,2],[3,255]]},"outputs":["ids_out"],"parameters":{"timeout":1000000}}""";
    private static readonly string Nest = new('[', 100_000);

    private static readonly Dictionary<string, byte[]> Bodies = new()
    {
        ["nothing"] = [],
        ["blanks"] = Text("   \r\n "),
        ["byte order mark alone"] = [0xEF, 0xBB, 0xBF],
        ["null"] = Text("null"),
        ["a number"] = Text(HostileGateway.Canary),
        ["a string"] = Text($"\"{HostileGateway.Canary}\""),
        ["an array"] = Text($"[{HostileGateway.Canary}]"),
        ["an empty object"] = Text("{}"),
        ["two documents"] = Text("""{"inputs":{"x":[[1]]}}{"inputs":{"x":[[1]]}}"""),
        ["a comment"] = Text("""{"inputs":{"x":[[1]]}/* note */}"""),
        ["a trailing comma"] = Text("""{"inputs":{"x":[[1],]}}"""),
        ["single quotes"] = Text("{'inputs':{'x':[[1]]}}"),
        ["a form"] = Text("inputs=1&x=2"),
        ["text for a number"] = Text($$$$"""{"inputs":{"x":[["{{{{HostileGateway.Canary}}}}"]]}}"""),
        ["null for a number"] = Text("""{"inputs":{"x":[[null]]}}"""),
        ["an object for a number"] = Text("""{"inputs":{"x":[[{"a":1}]]}}"""),
        ["an object for a tensor"] = Text("""{"inputs":{"x":{"a":1}}}"""),
        ["ragged rows"] = Text("""{"inputs":{"x":[[1,2],[3]]}}"""),
        ["a wrong rank"] = Text("""{"inputs":{"x":[1,2]}}"""),
        ["a number too large for FP32"] = Text("""{"inputs":{"x":[[1e400]]}}"""),
        ["a number of 100,000 digits"] = Text($$$$"""{"inputs":{"x":[[{{{{new string('7', 100_000)}}}}]]}}"""),
        ["an exponent of 10,000 digits"] = Text($$$$"""{"inputs":{"x":[[1e{{{{new string('7', 10_000)}}}}]]}}"""),
        ["a lone minus"] = Text("""{"inputs":{"x":[[-]]}}"""),
        ["a key twice"] = Text("""{"inputs":{"x":[[1]]},"inputs":{"x":[[1]]}}"""),
        ["an input twice"] = Text("""{"inputs":{"x":[[1]],"x":[[2]]}}"""),
        ["inputs and instances"] = Text("""{"inputs":{"x":[[1]]},"instances":[[1]]}"""),
        ["an unknown input"] = Text($$$$"""{"inputs":{"y":[[{{{{HostileGateway.Canary}}}}]]}}"""),
        ["an unknown key"] = Text($$$$"""{"data":[[{{{{HostileGateway.Canary}}}}]]}"""),
        ["an unknown output"] = Text("""{"inputs":{"x":[[1]]},"outputs":["z"]}"""),
        ["outputs that are no list"] = Text($$$$"""{"inputs":{"x":[[1]]},"outputs":{{{{HostileGateway.Canary}}}}}"""),
        ["a negative timeout"] = Text("""{"inputs":{"x":[[1]]},"parameters":{"timeout":-1}}"""),
        ["another model"] = Text("""{"inputs":{"x":[[1]]},"model":"text"}"""),
        ["100,000 open brackets"] = Text(Nest),
        ["100,000 brackets in the data"] = Text($$$$"""{"inputs":{"x":{{{{Nest}}}}{{{{new string(']', 100_000)}}}}}}"""),
        ["100,000 brackets beside the data"] = Text($$$$"""{"junk":{{{{Nest}}}}{{{{new string(']', 100_000)}}}},"inputs":{"x":[[1]]}}"""),
        ["40,000 nested objects"] = Text(string.Concat(Enumerable.Repeat("{\"a\":", 40_000))),
        ["invalid UTF-8 in a key"] = [.. Text("{\""), 0xC3, 0x28, .. Text("\":1}")],
        ["invalid UTF-8 outside"] = [.. Text("{\"inputs\":"), 0xFF, 0xFE, .. Text("}")],
        ["UTF-16"] = Encoding.Unicode.GetBytes("""{"inputs":{"x":[[1]]}}"""),
        ["zeros"] = new byte[1000],
        ["half a surrogate pair as a key"] = Text("""{"inputs":{"\ud800":[[1]]}}"""),
    };

    public static TheoryData<string> Names => [.. Bodies.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Predict_HostileBody_Is400(string name)
    {
        RawResponse refusal = await hostile.RefuseAsync("/predict/m", Bodies[name]);
        Assert.Equal(400, refusal.Status);
    }

    // The model's name may stand anywhere in the body, so another reader meets these first.
    [Theory]
    [MemberData(nameof(Names))]
    public async Task PredictByBody_HostileBody_Is400(string name) =>
        Assert.Equal(400, (await hostile.RefuseAsync("/predict", Bodies[name])).Status);

    // The bodies are of another dialect, so even those that are sound JSON are refused.
    [Theory]
    [MemberData(nameof(Names))]
    public async Task Infer_HostileBody_Is400(string name) =>
        Assert.Equal(400, (await hostile.RefuseAsync("/v2/models/m/infer", Bodies[name])).Status);

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("3")]
    [InlineData("99999")]
    [InlineData("99999999999999999999")]
    [InlineData("73917391x")]
    public async Task Infer_HeaderLengthThatLies_Is400(string length)
    {
        byte[] body = [.. Text("""{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"""), .. new byte[8]];
        Assert.Equal(400, (await hostile.RefuseAsync("/v2/models/m/infer", body, $"Inference-Header-Content-Length: {length}\r\n")).Status);
    }

    [Theory]
    [InlineData("text", """{"inputs":{"x":[1]}}""")]
    [InlineData("text", """{"inputs":{"x":[{"b64":"73917391!"}]}}""")]
    [InlineData("text", """{"inputs":{"x":["\ud800"]}}""")]
    [InlineData("mixed", """{"inputs":{"ids":[1.5],"text":["a"],"flags":[true],"pixels":[[1,2]]}}""")]
    [InlineData("mixed", """{"inputs":{"ids":[9223372036854775808],"text":["a"],"flags":[true],"pixels":[[1,2]]}}""")]
    [InlineData("mixed", """{"inputs":{"ids":[1],"text":["a"],"flags":[73917391],"pixels":[[1,2]]}}""")]
    [InlineData("mixed", """{"inputs":{"ids":[1],"text":["a"],"flags":[true],"pixels":[[1,73917391]]}}""")]
    [InlineData("mixed", """{"inputs":{"ids":[1],"text":["a"],"flags":[true],"pixels":[[1,-1]]}}""")]
    [InlineData("mixed", """{"instances":[{"ids":1},{"text":"a"},3]}""")]
    public async Task Predict_ElementThatDoesNotFit_Is400WithoutItsValue(string model, string body) =>
        Assert.Equal(400, (await hostile.RefuseAsync($"/predict/{model}", Text(body))).Status);

    [Fact]
    public async Task Predict_InvalidUtf8AsElement_Is400()
    {
        byte[] body = [.. Text("{\"inputs\":{\"x\":[\""), 0xED, 0xA0, 0x80, .. Text("\"]}}")];
        Assert.Equal(400, (await hostile.RefuseAsync("/predict/text", body)).Status);
    }

    [Fact]
    public async Task Predict_BodyCutAnywhere_Is400AndTheConnectionGoesOn()
    {
        byte[] body = Text(Mixed);
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        for (int length = 0; length < body.Length; length++)
        {
            RawResponse refusal = await HostileGateway.RefuseAsync(connection, RawConnection.Request("/predict/mixed", body[..length]));
            Assert.Equal(400, refusal.Status);
            Assert.False(refusal.Closes);
        }

        await connection.SendAsync(RawConnection.Request("/predict/mixed", body));
        Assert.Equal(200, (await connection.ReadAsync())!.Status);
    }

    [Fact]
    public async Task Predict_MutatedBodies_AreAnsweredOrRefusedButNeverFail()
    {
        (string Path, string Body)[] seeds =
        [
            ("/predict/m", """{"inputs":{"x":[[1,-2.5e3,0.125],[4,5,"NaN"]]},"outputs":["y"]}"""),
            ("/predict/m", """{"instances":[[1,2],[3,4]],"parameters":{"timeout":5000000}}"""),
            ("/predict", """{"model":"m","version":"1","inputs":{"x":[[1]]}}"""),
            ("/predict/mixed", Mixed),
            ("/predict/mixed", """{"instances":[{"ids":1,"text":"a","flags":true,"pixels":[1,2]},{"ids":-9,"text":{"b64":"AAEC"},"flags":false,"pixels":[3,4]}]}"""),
            ("/predict/text", """{"inputs":["a","\ud83d\ude00",{"b64":"/w=="}]}"""),
            ("/v2/models/m/infer", """{"id":"1","inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,-2.5e3,0.125]}],"outputs":[{"name":"y"}]}"""),
            ("/v2/models/text/infer", """{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["a","\u00e9"]}]}"""),
            ("/v2/models/mixed/infer", """{"inputs":[{"name":"ids","shape":[1],"datatype":"INT64","data":[1]},{"name":"text","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"flags","shape":[1],"datatype":"BOOL","data":[true]},{"name":"pixels","shape":[1,2],"datatype":"UINT8","data":[[1,2]]}],"parameters":{"timeout":1000000}}"""),
        ];
        const int Connections = 8;
        const int Each = 375;
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(async worker =>
        {
            var mutation = new Mutation(20_260_101 + worker);
            using RawConnection connection = await hostile.Gateway.ConnectAsync();
            for (int i = 0; i < Each; i++)
            {
                (string path, string seed) = seeds[i % seeds.Length];
                byte[] body = mutation.Of(Text(seed));
                await connection.SendAsync(RawConnection.Request(path, body));
                RawResponse? answer = await connection.ReadAsync();
                Assert.True(answer is { Status: 200 or (>= 400 and < 500) }, $"{answer?.Status} {answer?.Body} for {path}: {Convert.ToBase64String(body)}");
            }
        }));
        await hostile.CheckGoodAsync();
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
