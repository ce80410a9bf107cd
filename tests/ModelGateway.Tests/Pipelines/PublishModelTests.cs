using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Pipelines;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.Pipelines;

/// <summary>The pipeline of a model against a running gateway: a good version goes live, a bad one is taken out again, and no client notices either.</summary>
public sealed class PublishModelTests : IDisposable
{
    private readonly PublishScript _script = new();
    private readonly RepositoryFolder _repository = new();

    public void Dispose()
    {
        _script.Dispose();
        _repository.Dispose();
    }

    [Fact]
    public async Task Publish_GoodThenBrokenThenWrong_LiveOrTakenOutAgainWithoutAFailedRequest()
    {
        _repository.AddVersionWithManifest("m", 1, TestModels.AddConstant(1));
        await using GatewayProcess gateway = await StartAsync(("Gateway__Repository", _repository.Root));
        _script.Settings["MODELGATEWAY_REPOSITORY"] = _repository.Root;
        await using BalancedLoad load = BalancedLoad.Start(gateway.Client.BaseAddress!, 2, "m");

        ProgramRun run = await _script.RunAsync(_script.Make("m", 2, "\"y\":[[3]]"));
        Assert.True(run.Code == 0, run.All);
        Assert.Contains("version 2 of 'm' is live", run.All, StringComparison.Ordinal);

        run = await _script.RunAsync(_script.Make("m", 3, null, TestModels.Broken()));
        Assert.True(run.Code == 1, run.All);
        Assert.Contains("does not load it: ", run.All, StringComparison.Ordinal);
        Assert.Contains("version 3 of 'm' is taken out again", run.All, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_repository.VersionFolder("m", 3)));

        run = await _script.RunAsync(_script.Make("m", 4, "\"y\":[[99]]"));
        Assert.True(run.Code == 1, run.All);
        Assert.Contains("without '\"y\":[[99]]'", run.All, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_repository.VersionFolder("m", 4)));

        await load.StopAsync();
        Assert.Empty(load.Failures);
        Assert.Contains("\"version\":\"2\"", await PredictAsync(gateway), StringComparison.Ordinal);

        run = await _script.RunAsync("--rollback", "m", "2");
        Assert.True(run.Code == 0, run.All);
        Assert.Contains("\"version\":\"1\"", await PredictAsync(gateway), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publish_ToABucketOfAGatewayThatAsksForTokens_GoodIsLiveAndBadIsGone()
    {
        await using S3Server store = await S3Server.StartAsync();
        await using GatewayProcess gateway = await StartOnBucketAsync(store);

        ProgramRun run = await _script.RunAsync(_script.Make("m", 1, "\"y\":[[2]]"));
        Assert.True(run.Code == 0, run.All);

        run = await _script.RunAsync(_script.Make("m", 2, "\"y\":[[99]]"));
        Assert.True(run.Code == 1, run.All);
        Assert.Contains("version 2 of 'm' is taken out again", run.All, StringComparison.Ordinal);

        // What is live is not published over.
        run = await _script.RunAsync(_script.Make("m", 1, null));
        Assert.True(run.Code == 1, run.All);
        Assert.Contains("has version 1 of 'm' already", run.All, StringComparison.Ordinal);
    }

    // Gateways look at nothing but the index, where there is one.
    [Fact]
    public async Task Publish_ToABucketWithAnIndex_IsRefusedUntilTheIndexIsWrittenAsWell()
    {
        const string Index = "rclone sync store:models/live all && $MODELGATEWAY index all && rclone copyto all/index.json store:models/live/index.json";
        await using S3Server store = await S3Server.StartAsync();
        await using GatewayProcess gateway = await StartOnBucketAsync(store);
        ProgramRun run = await _script.RunAsync(_script.Make("m", 1, null));
        Assert.True(run.Code == 0, run.All);
        run = await _script.RunCommandAsync(Index);
        Assert.True(run.Code == 0, run.All);

        run = await _script.RunAsync(_script.Make("m", 2, null));
        Assert.True(run.Code == 1, run.All);
        Assert.Contains("give the command for it as MODELGATEWAY_INDEX", run.All, StringComparison.Ordinal);

        _script.Settings["MODELGATEWAY_INDEX"] = Index;
        run = await _script.RunAsync(_script.Make("m", 2, "\"y\":[[3]]"));
        Assert.True(run.Code == 0, run.All);
        run = await _script.RunAsync("--rollback", "m", "2");
        Assert.True(run.Code == 0, run.All);
    }

    [Fact]
    public async Task Publish_AsTheJobOfThePipeline_IsLiveAndIsTakenOutAgainByTheOtherJob()
    {
        _repository.AddVersionWithManifest("m", 1, TestModels.AddConstant(1));
        await using GatewayProcess gateway = await StartAsync(("Gateway__Repository", _repository.Root));
        using GitLabProject project = await GitLabProject.CreateAsync(CheckedInFile.Read("deploy/pipelines/model/gitlab-ci.yml"));
        _script.Make("m", 2, "\"y\":[[3]]");
        _script.CopyTo(project.Folder);
        var variables = new Dictionary<string, string>(_script.Settings) { ["MODELGATEWAY_REPOSITORY"] = _repository.Root, ["MODEL"] = "m", ["VERSION"] = "2" };

        ProgramRun publish = await project.RunAsync("publish", variables);
        Assert.True(publish.Code == 0, publish.All);
        Assert.Contains("\"version\":\"2\"", await PredictAsync(gateway), StringComparison.Ordinal);

        ProgramRun rollback = await project.RunAsync("rollback", variables);
        Assert.True(rollback.Code == 0, rollback.All);
        Assert.Contains("\"version\":\"1\"", await PredictAsync(gateway), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MODELGATEWAY_URLS is not set", 2, "MODELGATEWAY_URLS", "")]
    [InlineData("MODELGATEWAY_REPOSITORY is not set", 2, "MODELGATEWAY_REPOSITORY", "")]
    [InlineData("must be a number of seconds, not '5m'", 2, "MODELGATEWAY_TIMEOUT", "5m")]
    [InlineData("does not have it ready after 1 s", 1, "MODELGATEWAY_TIMEOUT", "1")]
    public async Task Publish_WithSettingsThatDoNotWork_SaysWhichAndLeavesNothingBehind(string message, int code, string name, string value)
    {
        _script.Settings["MODELGATEWAY_REPOSITORY"] = _repository.Root;

        // Nobody listens there.
        _script.Settings["MODELGATEWAY_URLS"] = GatewayProcess.NewAddress().GetLeftPart(UriPartial.Authority);
        string folder = _script.Make("m", 1, null);
        _script.Settings[name] = value;

        ProgramRun run = await _script.RunAsync(folder);

        Assert.Equal(code, run.Code);
        Assert.Contains(message, run.All, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_repository.VersionFolder("m", 1)));
    }

    [Fact]
    public async Task Publish_WithoutARequestToTry_Refused()
    {
        _script.Settings["MODELGATEWAY_REPOSITORY"] = _repository.Root;
        _script.Settings["MODELGATEWAY_URLS"] = "http://127.0.0.1:1";
        string folder = _script.Make("m", 1, null);
        File.Delete(Path.Combine(folder, "..", "smoke", "one.json"));

        ProgramRun run = await _script.RunAsync(folder);

        Assert.Equal(1, run.Code);
        Assert.Contains("There is no request in", run.All, StringComparison.Ordinal);
    }

    private static async Task<string> PredictAsync(GatewayProcess gateway)
    {
        using HttpResponseMessage response = await gateway.Client.PostAsync(new Uri("/predict/m", UriKind.Relative), new StringContent("""{"inputs":{"x":[[1]]}}"""));
        return await response.Content.ReadAsStringAsync();
    }

    private async Task<GatewayProcess> StartOnBucketAsync(S3Server store)
    {
        byte[] secret = [.. Enumerable.Range(0, 32).Select(value => (byte)value)];
        await store.CreateBucketAsync("models");
        _script.Settings["MODELGATEWAY_REPOSITORY"] = "store:models/live";
        _script.Settings["MODELGATEWAY_TOKEN"] = new TestToken().Sign(secret);

        // Where the environment names authorities of its own, this version of rclone cannot take them, and needs none here.
        _script.Settings["AWS_CA_BUNDLE"] = "";
        foreach ((string name, string value) in new[] { ("TYPE", "s3"), ("PROVIDER", "Other"), ("ENDPOINT", store.Endpoint.AbsoluteUri), ("ACCESS_KEY_ID", "id"), ("SECRET_ACCESS_KEY", "key") })
        {
            _script.Settings[$"RCLONE_CONFIG_STORE_{name}"] = value;
        }

        return await StartAsync(
            ("Gateway__Repository", "s3://models/live"), ("Gateway__S3__Endpoint", store.Endpoint.AbsoluteUri), ("Gateway__S3__AccessKeyId", "id"), ("Gateway__S3__SecretAccessKey", "key"),
            ("Gateway__Auth__Enabled", "true"), ("Gateway__Auth__Issuer", TestToken.DefaultIssuer), ("Gateway__Auth__Keys__0__Secret", Convert.ToBase64String(secret)));
    }

    // It looks at its repository when it is told, and hardly ever else.
    private async Task<GatewayProcess> StartAsync(params (string Name, string Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__PollInterval"] = "01:00:00",
            ["Gateway__Logging__Level"] = "Warning",
        };
        foreach ((string name, string value) in settings)
        {
            all[name] = value;
        }

        GatewayProcess gateway = GatewayProcess.Start(all);
        await gateway.WaitUntilReadyAsync();
        _script.Settings["MODELGATEWAY_URLS"] = gateway.Client.BaseAddress!.AbsoluteUri.TrimEnd('/');
        return gateway;
    }
}
