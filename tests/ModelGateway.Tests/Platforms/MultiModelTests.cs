using System.Globalization;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>The multi-model endpoint's contract: SageMaker puts a model into a folder, has it loaded, called and unloaded.</summary>
public sealed class MultiModelTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("models-");
    private GatewayHost _host = null!;

    public Task InitializeAsync() => StartAsync();

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Models_LoadedCalledAndUnloaded_AsDocumented()
    {
        string url = Place("a1b2", TestModels.AddConstant(5));
        Assert.Equal(200, (await PlatformCall.GetAsync(_host.Client, "/ping")).Status);

        PlatformCall loaded = await LoadAsync("a1b2", url);
        PlatformCall again = await LoadAsync("a1b2", url);
        PlatformCall got = await PlatformCall.GetAsync(_host.Client, "/models/a1b2");
        PlatformCall listed = await PlatformCall.GetAsync(_host.Client, "/models");
        PlatformCall invoked = await PlatformCall.PostAsync(
            _host.Client, "/models/a1b2/invoke", """{"inputs":[[1]]}""", headers: [("X-Amzn-SageMaker-Target-Model", "iris.tar.gz"), ("X-Amzn-SageMaker-Custom-Attributes", "id=1")]);
        PlatformCall csv = await PlatformCall.PostAsync(_host.Client, "/models/a1b2/invoke", "1,2\n", "text/csv");

        string model = $$"""{"modelName":"a1b2","modelUrl":"{{url}}"}""";
        Assert.Equal((200, model), (loaded.Status, loaded.Body));
        Assert.Equal((409, "application/problem+json"), (again.Status, again.ContentType));
        Assert.Equal((200, "application/json; charset=utf-8", model), (got.Status, got.ContentType, got.Body));
        Assert.Equal((200, $$"""{"models":[{{model}}]}"""), (listed.Status, listed.Body));
        Assert.Equal((200, """{"model":"a1b2","version":"1","outputs":{"y":[[6]]}}""", "id=1"), (invoked.Status, invoked.Body, invoked.Headers["X-Amzn-SageMaker-Custom-Attributes"]));
        Assert.Equal("6,7\n", csv.Body);

        PlatformCall unloaded = await PlatformCall.DeleteAsync(_host.Client, "/models/a1b2");

        Assert.Equal(200, unloaded.Status);
        Assert.Equal("""{"models":[]}""", (await PlatformCall.GetAsync(_host.Client, "/models")).Body);
        Assert.Equal(404, (await PlatformCall.DeleteAsync(_host.Client, "/models/a1b2")).Status);
        Assert.Equal(404, (await PlatformCall.GetAsync(_host.Client, "/models/a1b2")).Status);
        Assert.Equal(404, (await PlatformCall.PostAsync(_host.Client, "/models/a1b2/invoke", """{"inputs":[[1]]}""")).Status);
    }

    [Fact]
    public async Task Load_AfterAnUnload_AnswersWithTheNewFiles()
    {
        string url = Place("m", TestModels.AddConstant(1));
        await LoadAsync("m", url);
        await PlatformCall.DeleteAsync(_host.Client, "/models/m");
        Place("m", TestModels.AddConstant(2));

        PlatformCall loaded = await LoadAsync("m", url);
        PlatformCall answer = await PlatformCall.PostAsync(_host.Client, "/models/m/invoke", """{"inputs":[[1]]}""");

        Assert.Equal(200, loaded.Status);
        Assert.Equal("""{"model":"m","version":"1","outputs":{"y":[[3]]}}""", answer.Body);
    }

    [Fact]
    public async Task Unload_SeveralAtOnceWithALoadBetween_WhatIsListedAnswers()
    {
        string url = Place("m", TestModels.AddConstant(1));
        for (int round = 0; round < 10; round++)
        {
            await LoadAsync("m", url);

            await Task.WhenAll(
                PlatformCall.DeleteAsync(_host.Client, "/models/m"),
                PlatformCall.DeleteAsync(_host.Client, "/models/m"),
                LoadAsync("m", url),
                LoadAsync("m", url));

            bool isListed = (await PlatformCall.GetAsync(_host.Client, "/models")).Body != """{"models":[]}""";
            PlatformCall answer = await PlatformCall.PostAsync(_host.Client, "/models/m/invoke", """{"inputs":[[1]]}""");
            Assert.Equal(isListed ? 200 : 404, answer.Status);
        }
    }

    [Fact]
    public async Task Load_BudgetWithoutRoom_507UntilAnotherIsUnloaded()
    {
        // By estimate a tiny model takes a little more than four MiB.
        await _host.DisposeAsync();
        await StartAsync(("Gateway:Memory:BudgetBytes", (10 << 20).ToString(CultureInfo.InvariantCulture)));
        string[] urls = [.. new[] { "a", "b", "c" }.Select(name => Place(name, TestModels.AddConstant(1)))];

        Assert.Equal(200, (await LoadAsync("a", urls[0])).Status);
        Assert.Equal(200, (await LoadAsync("b", urls[1])).Status);
        PlatformCall refused = await LoadAsync("c", urls[2]);
        Assert.Equal((507, "application/problem+json"), (refused.Status, refused.ContentType));
        Assert.Equal(200, (await PlatformCall.PostAsync(_host.Client, "/models/a/invoke", """{"inputs":[[1]]}""")).Status);

        await PlatformCall.DeleteAsync(_host.Client, "/models/b");

        Assert.Equal(200, (await LoadAsync("c", urls[2])).Status);
        Assert.Equal(200, (await PlatformCall.PostAsync(_host.Client, "/models/c/invoke", """{"inputs":[[1]]}""")).Status);
    }

    [Fact]
    public async Task Load_ManyAtOnce_OneOfEachNameIsLoaded()
    {
        string[] urls = [.. Enumerable.Range(0, 4).Select(i => Place($"m{i}", TestModels.AddConstant(i)))];

        PlatformCall[] answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => LoadAsync($"m{i % 4}", urls[i % 4])));

        Assert.Equal(4, answers.Count(answer => answer.Status == 200));
        Assert.Equal(8, answers.Count(answer => answer.Status == 409));
    }

    [Fact]
    public async Task Load_ModelThatCannotBeLoaded_400WithTheReasonAndLeavesNothing()
    {
        string url = Place("bad", TestModels.Broken());

        PlatformCall answer = await LoadAsync("bad", url);
        PlatformCall listed = await PlatformCall.GetAsync(_host.Client, "/models");
        Place("bad", TestModels.AddConstant(1));

        Assert.Equal(400, answer.Status);
        Assert.Contains("cannot be loaded", answer.Body, StringComparison.Ordinal);
        Assert.Equal("""{"models":[]}""", listed.Body);
        Assert.Equal(200, (await LoadAsync("bad", url)).Status);
    }

    [Fact]
    public async Task Load_FaultyRequest_400ThatNamesTheFault()
    {
        (string Body, string Fault)[] requests =
        [
            ("""{"model_name":"m"}""", "model_name"),
            ("not json", "model_name"),
            ("""{"model_name":"a/b","url":"/opt/ml/models/m/model"}""", "must match"),
            ("""{"model_name":"m","url":"/etc"}""", "below"),
            ("""{"model_name":"m","url":"s3://bucket/m"}""", "below"),
            ("""{"model_name":"m","url":"ROOT/../../etc"}""", "below"),
            ("""{"model_name":"m","url":"ROOT/absent"}""", "cannot be read"),
        ];
        foreach ((string body, string fault) in requests)
        {
            PlatformCall answer = await PlatformCall.PostAsync(_host.Client, "/models", body.Replace("ROOT", _folder.FullName, StringComparison.Ordinal));

            Assert.Equal(400, answer.Status);
            Assert.Contains(fault, answer.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Models_WithoutTheSetting_AreNoRoute()
    {
        await using GatewayHost single = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("Gateway:Platform", "SageMaker"));

        Assert.Equal(404, (await PlatformCall.GetAsync(single.Client, "/models")).Status);
    }

    private async Task StartAsync(params (string, string)[] settings) => _host = await GatewayHost.StartAsync(
        null, [("Gateway:Platform", "SageMaker"), ("SAGEMAKER_MULTI_MODEL", "true"), ("Gateway:Repository", _folder.FullName), .. settings]);

    // As SageMaker unpacks an archive: /opt/ml/models/<name>/model
    private string Place(string name, byte[] onnx)
    {
        string folder = Path.Combine(_folder.FullName, name, "model");
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), onnx);
        return folder;
    }

    private Task<PlatformCall> LoadAsync(string name, string url) =>
        PlatformCall.PostAsync(_host.Client, "/models", JsonSerializer.Serialize(new Dictionary<string, string> { ["model_name"] = name, ["url"] = url }));
}
