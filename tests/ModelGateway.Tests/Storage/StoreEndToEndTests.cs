using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>The real gateway on each real store: a model's way from its publisher to the answers, its replacement, and a store that is away.</summary>
public sealed class StoreEndToEndTests : IDisposable
{
    private const string Model = "adder";
    private const string Description = "Adds a constant, for tests.";
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;

    public static TheoryData<string> Stores { get; } =
        [PublishedStore.S3, PublishedStore.S3WithIndex, PublishedStore.Azure, PublishedStore.Gcs, PublishedStore.WebServer, PublishedStore.MLflow, PublishedStore.MLflowOnS3];

    public void Dispose() => Directory.Delete(_artifacts, recursive: true);

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Start_OneVersion_AnswersAndTellsWhereItIsFrom(string name)
    {
        await using PublishedStore store = await StartStoreAsync(name);

        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, store);

        Assert.Equal((HttpStatusCode.OK, 1L, 1f), await gateway.PredictAsync(Model));
        Assert.Equal((HttpStatusCode.OK, null), await gateway.HealthAsync());
        Assert.Contains(Description, await gateway.GetAsync($"/v2/models/{Model}"), StringComparison.Ordinal);
        JsonElement entry = await gateway.EntryAsync(Model, 1);
        Assert.Equal("READY", entry.GetProperty("state").GetString());
        Assert.Equal("", entry.GetProperty("reason").GetString());
        Assert.Equal($"{store.Location.Split('?')[0].Replace("/index.json", "", StringComparison.Ordinal)}/{Model}/1", entry.GetProperty("source").GetString());
        Assert.Matches("^[0-9a-f]{64}$", entry.GetProperty("digest").GetString());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Refresh_StoreAnnouncesAVersion_ItAnswersWithoutAGapAndNoSecretIsShown(string name)
    {
        await using PublishedStore store = await StartStoreAsync(name);
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, store);
        var answers = new ConcurrentQueue<(HttpStatusCode Status, long Version, float Value)>();
        using var stop = new CancellationTokenSource();
        Task client = Task.Run(() => KeepAskingAsync(gateway, answers, stop.Token));

        await store.PublishAsync(Model, 2, TestModels.AddConstant(2));
        string[] woken = await gateway.RefreshAsync(store.Notify(Model, 2));
        await gateway.WaitForAsync(Model, 2, 2);
        await stop.CancelAsync();
        await client;

        Assert.Equal([store.Location], woken);
        Assert.All(answers, answer => Assert.True(answer is (HttpStatusCode.OK, 1, 1) or (HttpStatusCode.OK, 2, 2), $"{answer}"));
        Assert.Equal(answers.OrderBy(answer => answer.Version), answers);
        await AssertCountedWithoutErrorsAsync(gateway, store);
        await AssertNoSecretAsync(gateway, store);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Start_StoreIsAway_ServesWhatItServedUntilTheStoreIsBack(string name)
    {
        await using PublishedStore store = await StartStoreAsync(name);
        await using (StoreGateway before = await StoreGateway.StartAsync(_artifacts, store))
        {
            await store.PublishAsync(Model, 2, TestModels.AddConstant(2));
            await before.RefreshAsync(store.Notify(Model, 2));
            await before.WaitForAsync(Model, 2, 2);
        }

        await store.Proxy.VanishAsync();
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, store);

        await gateway.WaitForAsync(Model, 2, 2);
        (HttpStatusCode status, string? reason) = await gateway.HealthAsync();
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.StartsWith($"The model repository {store.Location} cannot be read: ", reason, StringComparison.Ordinal);
        Assert.Contains(Description, await gateway.GetAsync($"/v2/models/{Model}"), StringComparison.Ordinal);
        await AssertNoSecretAsync(gateway, store);

        int requests = store.Proxy.Requests.Count;
        await store.Proxy.ReappearAsync();
        Assert.Equal([store.Location], await gateway.RefreshAsync(store.Notify(Model, 2)));
        await gateway.WaitUntilAsync(async () => (await gateway.HealthAsync()).Reason is null, () => "The reason stays");
        Assert.Equal((HttpStatusCode.OK, 2L, 2f), await gateway.PredictAsync(Model));

        // The listing is looked at once more; what is on the disk is not fetched again.
        Assert.DoesNotContain(store.Proxy.Requests.Skip(requests), request => request.PathAndQuery.Contains("model.onnx", StringComparison.Ordinal));

        await store.PublishAsync(Model, 3, TestModels.AddConstant(3));
        await gateway.RefreshAsync(store.Notify(Model, 3));
        await gateway.WaitForAsync(Model, 3, 3);
    }

    [Fact]
    public async Task Index_StoreWithAnIndex_HasTheDigestOfWhatWasNeverFetched()
    {
        await using PublishedStore store = await StartStoreAsync(PublishedStore.S3WithIndex);
        await store.PublishAsync(Model, 2, TestModels.AddConstant(2));
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, store);
        JsonElement unselected = await gateway.EntryAsync(Model, 1);
        string? before = unselected.GetProperty("digest").GetString();

        await gateway.LoadAsync(Model, "version_policy: all");

        Assert.Equal("The version policy does not select it.", unselected.GetProperty("reason").GetString());
        JsonElement loaded = await gateway.EntryAsync(Model, 1);
        Assert.Equal(("READY", before), (loaded.GetProperty("state").GetString(), loaded.GetProperty("digest").GetString()));
        Assert.Contains($"\"digest\":\"{before}\"", await gateway.GetAsync($"/v2/models/{Model}/versions/1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Index_RegistrysVersionThatCannotBeServed_SaysWhyAndTheOneBeforeAnswers()
    {
        await using PublishedStore store = await StartStoreAsync(PublishedStore.MLflow);
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, store);

        ((PublishedRegistry)store).PublishWithoutOnnx(Model);
        await gateway.RefreshAsync(store.Notify(Model, 2));
        await gateway.WaitUntilAsync(async () => await gateway.ReasonAsync(Model, 2) is not null, () => "Version 2 is not listed");

        JsonElement entry = await gateway.EntryAsync(Model, 2);
        Assert.Equal(("UNAVAILABLE", "It has no ONNX flavour; its flavours are sklearn."), (entry.GetProperty("state").GetString(), entry.GetProperty("reason").GetString()));
        Assert.Equal((HttpStatusCode.OK, 1L, 1f), await gateway.PredictAsync(Model));
        Assert.Equal((HttpStatusCode.OK, null), await gateway.HealthAsync());
    }

    private static async Task<PublishedStore> StartStoreAsync(string name)
    {
        PublishedStore store = await PublishedStore.StartAsync(name);
        await store.DescribeAsync(Model, Description);
        await store.PublishAsync(Model, 1, TestModels.AddConstant(1));
        return store;
    }

    private static async Task KeepAskingAsync(
        StoreGateway gateway, ConcurrentQueue<(HttpStatusCode Status, long Version, float Value)> answers, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            answers.Enqueue(await gateway.PredictAsync(Model));
        }
    }

    private static async Task AssertCountedWithoutErrorsAsync(StoreGateway gateway, PublishedStore store)
    {
        Dictionary<string, double> requests = await gateway.CountersAsync("modelgateway_store_requests_total", ("repository", store.Location));
        Assert.Contains(requests, series => series.Key.Contains("outcome=\"success\"", StringComparison.Ordinal) && series.Value > 0);
        Assert.DoesNotContain(requests, series => series.Key.Contains("outcome=\"error\"", StringComparison.Ordinal) && series.Value > 0);
    }

    private static async Task AssertNoSecretAsync(StoreGateway gateway, PublishedStore store)
    {
        string shown = string.Join('\n', await gateway.GetAsync("/metrics"), await gateway.IndexAsync(), await gateway.GetAsync("/health/ready"), gateway.Process.Output);
        Assert.All([.. store.Secrets, StoreGateway.RefreshSecret], secret => Assert.DoesNotContain(secret, shown, StringComparison.OrdinalIgnoreCase));
    }
}
