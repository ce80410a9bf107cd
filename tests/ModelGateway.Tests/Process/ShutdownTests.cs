using System.Net;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Process;

/// <summary>The end of the real process: what SIGTERM does to readiness, to requests in flight and to the exit code.</summary>
public sealed class ShutdownTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly RepositoryFolder _repository = new();

    public void Dispose() => _repository.Dispose();

    [Fact]
    public async Task Sigterm_Idle_ExitsWithZeroAndLeavesNoArtifacts()
    {
        _repository.AddVersion("m", 1, TestModels.AddConstant(1));
        string artifacts = Path.Combine(Path.GetTempPath(), $"modelgateway-test-{Guid.NewGuid():n}");
        await using GatewayProcess gateway = Start(("Gateway__ArtifactFolder", artifacts));
        await gateway.WaitUntilReadyAsync();
        Assert.NotEmpty(Directory.EnumerateFileSystemEntries(artifacts));

        gateway.Terminate();

        Assert.Equal(0, await gateway.WaitForExitAsync(Patience));

        // What the next start needs, whether or not the repository is away then; nothing half-written, no folder of a session.
        Assert.Equal(["blobs", "graphs", "listings", "partial", "refs"], Directory.EnumerateFileSystemEntries(artifacts).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(artifacts, "partial")));
        Assert.EndsWith(".json", Assert.Single(Directory.EnumerateFileSystemEntries(Path.Combine(artifacts, "listings"))), StringComparison.Ordinal);
        Directory.Delete(artifacts, recursive: true);
    }

    [Fact]
    public async Task Sigterm_WithARequestInFlight_TurnsNotReadyAtOnceAndAnswersIt()
    {
        _repository.AddVersion("slow", 1, TestModels.Slow(3_000_000));
        await using GatewayProcess gateway = Start(("Gateway__Shutdown__Delay", "00:00:01"));
        await gateway.WaitUntilReadyAsync();
        Task<HttpResponseMessage> inFlight = PredictAsync(gateway);
        await WaitUntilBusyAsync(gateway);

        gateway.Terminate();

        await WaitForNotReadyAsync(gateway);
        Assert.False(inFlight.IsCompleted);
        using HttpResponseMessage response = await inFlight;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(0, await gateway.WaitForExitAsync(Patience));
    }

    [Fact]
    public async Task Sigterm_DuringTheDelay_AnswersAndAsksForAnotherConnection()
    {
        _repository.AddVersion("m", 1, TestModels.AddConstant(1));
        await using GatewayProcess gateway = Start(("Gateway__Shutdown__Delay", "00:10:00"));
        await gateway.WaitUntilReadyAsync();
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage before = await PredictAsync(gateway, "m");
            Assert.NotEqual(true, before.Headers.ConnectionClose);
        }

        gateway.Terminate();
        await WaitForNotReadyAsync(gateway);

        // An answer that is remembered by its bytes, one that is made, and an error.
        foreach ((string model, HttpStatusCode status) in new[] { ("m", HttpStatusCode.OK), ("m/versions/1", HttpStatusCode.OK), ("missing", HttpStatusCode.NotFound) })
        {
            using HttpResponseMessage after = await PredictAsync(gateway, model);
            Assert.Equal(status, after.StatusCode);
            Assert.True(after.Headers.ConnectionClose, model);
        }
    }

    private static Task<HttpResponseMessage> PredictAsync(GatewayProcess gateway, string model = "slow") =>
        gateway.Client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), new StringContent("""{"inputs":{"x":[[1]]}}""", Encoding.UTF8, "application/json"));

    private static async Task WaitUntilBusyAsync(GatewayProcess gateway)
    {
        while (!(await gateway.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Contains("modelgateway_instances_busy{model=\"slow\",version=\"1\"} 1", StringComparison.Ordinal))
        {
            await Task.Yield();
        }
    }

    private static async Task WaitForNotReadyAsync(GatewayProcess gateway)
    {
        while (true)
        {
            using HttpResponseMessage ready = await gateway.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
            if (ready.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                return;
            }
        }
    }

    private GatewayProcess Start(params (string Name, string Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = _repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__SettleTime"] = "00:00:00",
        };
        foreach ((string name, string value) in settings)
        {
            all[name] = value;
        }

        return GatewayProcess.Start(all);
    }
}
