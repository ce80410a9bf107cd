using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Process;

/// <summary>
/// ONNX Runtime sends usage data by default: it opens a database below the home folder and asks for a host. The real server is
/// watched by strace, started without the variable that forbids it, while it loads a model and predicts.
/// </summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Gateway_LoadingAndPredicting_OpensNoTelemetryFileAndAsksForNoHost()
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        string home = Directory.CreateTempSubdirectory("modelgateway-home-").FullName;
        string trace = Path.Combine(home, "trace.txt");
        await using GatewayProcess gateway = GatewayProcess.Start(
            new Dictionary<string, string?>
            {
                ["Gateway__Repository"] = repository.Root,
                ["Gateway__Auth__Enabled"] = "false",
                ["HOME"] = home,
                ["XDG_CACHE_HOME"] = null,
                ["ORT_DISABLE_TELEMETRY"] = null,
            },
            null,
            "strace", "-f", "-qq", "-e", "trace=openat,connect,sendto,sendmmsg,sendmsg", "-s", "200", "-o", trace);
        await gateway.WaitUntilReadyAsync();
        using var content = new StringContent("""{"inputs":{"x":[[1]]}}""", Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await gateway.Client.PostAsync(new Uri("/predict/m", UriKind.Relative), content);
        Assert.True(response.IsSuccessStatusCode);

        gateway.Terminate();
        await gateway.WaitForExitAsync(TimeSpan.FromSeconds(30));

        string[] calls = await File.ReadAllLinesAsync(trace);
        Assert.Contains(calls, call => call.Contains("libonnxruntime.so", StringComparison.Ordinal));
        Assert.DoesNotContain(calls, call => call.Contains("onnxruntime.db", StringComparison.Ordinal) || call.Contains("DeveloperTools", StringComparison.Ordinal));
        Assert.DoesNotContain(calls, call => call.Contains("events.data", StringComparison.Ordinal));
        Assert.DoesNotContain(calls, call => call.Contains("htons(53)", StringComparison.Ordinal));
        Assert.Empty(Directory.EnumerateFiles(home, "onnxruntime.db", SearchOption.AllDirectories));
        Directory.Delete(home, recursive: true);
    }
}
