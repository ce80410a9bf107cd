using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>The container that SageMaker runs with one model: /ping and /invocations.</summary>
public sealed class SageMakerTests(SageMakerHost host) : IClassFixture<SageMakerHost>
{
    private const string Csv = "text/csv";
    private static readonly (string, string) On = ("Gateway:Platform", "sagemaker");

    [Fact]
    public async Task Ping_ModelReady_200WithAnEmptyBody()
    {
        PlatformCall ping = await PlatformCall.GetAsync(host.Client, "/ping");

        Assert.Equal((200, ""), (ping.Status, ping.Body));
    }

    [Fact]
    public async Task Ping_NoModelThatAnswers_503WithTheReason()
    {
        await using GatewayHost broken = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.Broken()), On);
        await using GatewayHost empty = await GatewayHost.StartAsync(null, On);

        PlatformCall failed = await PlatformCall.GetAsync(broken.Client, "/ping");
        PlatformCall nothing = await PlatformCall.GetAsync(empty.Client, "/ping");

        Assert.Equal(503, failed.Status);
        Assert.Contains("Failed", failed.Body, StringComparison.Ordinal);
        Assert.Equal(503, nothing.Status);
        Assert.Contains("no model", nothing.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invocations_SimpleDialect_IsAnsweredInIt()
    {
        PlatformCall answer = await PlatformCall.PostAsync(host.Client, "/invocations", """{"instances":[[1,2],[3,4]]}""");

        Assert.Equal((200, "application/json"), (answer.Status, answer.ContentType));
        Assert.Equal("""{"model":"m","version":"1","outputs":{"y":[[11,12],[13,14]]}}""", answer.Body);
    }

    [Fact]
    public async Task Invocations_OpenInference_IsAnsweredInIt()
    {
        const string Body = """{"id":"7","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}""";

        PlatformCall answer = await PlatformCall.PostAsync(host.Client, "/invocations", Body);

        Assert.Equal(200, answer.Status);
        Assert.Equal("""{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[11,12]}]}""", answer.Body);
    }

    [Fact]
    public async Task Invocations_TritonsBinaryType_TakesAndGivesBinaryTensors()
    {
        byte[] json = Encoding.UTF8.GetBytes(
            """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":4}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}""");
        byte[] tensor = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(tensor, 1);
        string type = string.Create(CultureInfo.InvariantCulture, $"application/vnd.sagemaker-triton.binary+json;json-header-size={json.Length}");

        PlatformCall answer = await PlatformCall.SendAsync(host.Client, HttpMethod.Post, "/invocations", [.. json, .. tensor], type);

        Assert.Equal(200, answer.Status);
        Assert.StartsWith("application/vnd.sagemaker-triton.binary+json;json-header-size=", answer.ContentType!.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("\"binary_data_size\":4", answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1,2\n3,4\n", null, Csv, "11,12\n13,14\n")]
    [InlineData("1, -2.5e0\r\n", null, Csv, "11,7.5\n")]
    [InlineData("nan,inf", Csv, Csv, "NaN,Infinity\n")]
    [InlineData("1,2\n\n", "application/json", "application/json", """{"model":"m","version":"1","outputs":{"y":[[11,12]]}}""")]
    public async Task Invocations_Csv_OneLineARow(string body, string? accept, string type, string expected)
    {
        PlatformCall answer = await PlatformCall.PostAsync(host.Client, "/invocations", body, Csv, accept is null ? [] : [("Accept", accept)]);

        Assert.Equal((200, expected), (answer.Status, answer.Body));
        Assert.StartsWith(type, answer.ContentType, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invocations_JsonThatAcceptsCsv_IsAnsweredInCsv_AlsoWhenItIsRepeated()
    {
        for (int i = 0; i < 4; i++)
        {
            PlatformCall csv = await PlatformCall.PostAsync(host.Client, "/invocations", """{"instances":[[1,2]]}""", "application/json", ("Accept", Csv));
            PlatformCall json = await PlatformCall.PostAsync(host.Client, "/invocations", """{"instances":[[1,2]]}""");

            Assert.Equal("11,12\n", csv.Body);
            Assert.StartsWith("{", json.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Invocations_CsvOfSeveralInputsAndOutputs_OneCellEach()
    {
        await using GatewayHost own = await GatewayHost.StartAsync(
            repository =>
            {
                repository.AddVersion("sum", 1, TestModels.TwoInputsSum());
                repository.AddVersion("text", 1, TestModels.StringIdentity());
            },
            On);

        PlatformCall sum = await PlatformCall.PostAsync(own.Client, "/invocations", "1,2\n3,4\n", Csv, ("X-Amzn-SageMaker-Target-Model", "sum.tar.gz"));
        PlatformCall text = await PlatformCall.PostAsync(own.Client, "/invocations", "12\n\"a \"\"b\"\", c\"\n", Csv, ("X-Amzn-SageMaker-Target-Model", "text"));

        PlatformCall tooMany = await PlatformCall.PostAsync(own.Client, "/invocations", "a,b\n", Csv, ("X-Amzn-SageMaker-Target-Model", "text"));

        Assert.Equal(400, tooMany.Status);
        Assert.Contains("one value a row", tooMany.Body, StringComparison.Ordinal);
        Assert.Equal((200, "3\n7\n"), (sum.Status, sum.Body));
        Assert.Equal((200, "12\n\"a \"\"b\"\", c\"\n"), (text.Status, text.Body));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("1,2\n3\n", "Row 1 has 1 cells")]
    [InlineData("a,b\n1,2\n", "Cell 0 of row 0 must be FP32")]
    [InlineData("\"1,2\n", "quote")]
    [InlineData("1,02\n", "Cell 1 of row 0")]
    [InlineData("1,\n", "Cell 1 of row 0")]
    public async Task Invocations_FaultyCsv_400ThatNamesTheFault(string body, string fault)
    {
        PlatformCall answer = await PlatformCall.PostAsync(host.Client, "/invocations", body, Csv);

        Assert.Equal((400, "application/problem+json"), (answer.Status, answer.ContentType));
        Assert.Contains(fault, answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invocations_OutputThatHasNoLines_400ThatPointsToJson()
    {
        await using GatewayHost own = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.ZipMap("a", "b")), On);

        PlatformCall answer = await PlatformCall.PostAsync(own.Client, "/invocations", "1,2\n", Csv);

        Assert.Equal(400, answer.Status);
        Assert.Contains("application/json", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invocations_CustomAttributes_ComeBackAsTheyCame()
    {
        (string, string) header = ("X-Amzn-SageMaker-Custom-Attributes", "trace=c000b4f9; tenant=a");

        PlatformCall answer = await PlatformCall.PostAsync(host.Client, "/invocations", """{"inputs":[[1]]}""", headers: header);
        PlatformCall refused = await PlatformCall.PostAsync(host.Client, "/invocations", "{", headers: header);
        PlatformCall without = await PlatformCall.PostAsync(host.Client, "/invocations", """{"inputs":[[1]]}""");

        Assert.Equal(header.Item2, answer.Headers[header.Item1]);
        Assert.Equal((400, header.Item2), (refused.Status, refused.Headers[header.Item1]));
        Assert.DoesNotContain(header.Item1, without.Headers.Keys);
    }

    [Fact]
    public async Task Invocations_SeveralModels_TheHeaderOrTheSettingOrTheBodyNamesOne()
    {
        await using GatewayHost own = await StartTwoAsync(On);
        await using GatewayHost configured = await StartTwoAsync(On, ("Gateway:PlatformModel", "two/1"));
        const string Body = """{"inputs":[[1]]}""";

        PlatformCall unnamed = await PlatformCall.PostAsync(own.Client, "/invocations", Body);
        PlatformCall byBody = await PlatformCall.PostAsync(own.Client, "/invocations", """{"model":"two","inputs":[[1]]}""");
        PlatformCall byHeader = await PlatformCall.PostAsync(own.Client, "/invocations", Body, headers: ("X-Amzn-SageMaker-Target-Model", "one"));
        PlatformCall unknown = await PlatformCall.PostAsync(own.Client, "/invocations", Body, headers: ("X-Amzn-SageMaker-Target-Model", "three"));
        PlatformCall bySetting = await PlatformCall.PostAsync(configured.Client, "/invocations", Body);

        Assert.Equal(400, unnamed.Status);
        Assert.Contains("Gateway:PlatformModel", unnamed.Body, StringComparison.Ordinal);
        Assert.Equal(("two", "one", "two"), (ModelOf(byBody), ModelOf(byHeader), ModelOf(bySetting)));
        Assert.Equal(404, unknown.Status);
    }

    [Fact]
    public async Task Start_FilesOfOneModelWithoutFolders_Answers()
    {
        await using GatewayHost own = await GatewayHost.StartAsync(
            repository =>
            {
                File.WriteAllBytes(Path.Combine(repository.Root, "model.onnx"), TestModels.AddConstant(10));
                File.WriteAllText(Path.Combine(repository.Root, "model.yaml"), "description: From an archive\n");
            },
            On);

        PlatformCall answer = await PlatformCall.PostAsync(own.Client, "/invocations", """{"inputs":[[1]]}""");
        PlatformCall metadata = await PlatformCall.PostAsync(own.Client, "/v2/repository/index", "{}");

        Assert.Equal("""{"model":"model","version":"1","outputs":{"y":[[11]]}}""", answer.Body);
        Assert.Contains("\"READY\"", metadata.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Routes_AuthenticationOn_AskForTokensButForThePing()
    {
        using var key = System.Security.Cryptography.RSA.Create(2048);
        await using GatewayHost own = await GatewayHost.StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)),
            On,
            ("Gateway:Auth:Enabled", "true"),
            ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
            ("Gateway:Auth:Keys:0:Pem", key.ExportSubjectPublicKeyInfoPem()));
        const string Body = """{"inputs":[[1]]}""";
        string reader = new TestToken().With("scope", "models:read").Sign(key);
        string predictor = new TestToken().With("scope", "models:predict").Sign(key);

        Assert.Equal(200, (await PlatformCall.GetAsync(own.Client, "/ping")).Status);
        Assert.Equal(401, (await PlatformCall.PostAsync(own.Client, "/invocations", Body)).Status);
        Assert.Equal(403, (await PlatformCall.PostAsync(own.Client, "/invocations", Body, headers: ("Authorization", $"Bearer {reader}"))).Status);
        Assert.Equal(200, (await PlatformCall.PostAsync(own.Client, "/invocations", Body, headers: ("Authorization", $"Bearer {predictor}"))).Status);
    }

    private static string ModelOf(PlatformCall answer) => (string)JsonNode.Parse(answer.Body)!["model"]!;

    private static Task<GatewayHost> StartTwoAsync(params (string, string)[] settings) => GatewayHost.StartAsync(
        repository =>
        {
            repository.AddVersion("one", 1, TestModels.AddConstant(1));
            repository.AddVersion("two", 1, TestModels.AddConstant(2));
        },
        settings);
}
