using System.Diagnostics;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Process;

/// <summary>What Prometheus scrapes, checked by Prometheus' own tool.</summary>
public sealed class MetricsPageTests
{
    [Fact]
    public async Task Metrics_AfterTraffic_PassPromtool()
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        repository.AddVersion("broken", 1, TestModels.Broken());
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
        });
        await gateway.WaitUntilReadyAsync();
        foreach (string body in new[] { """{"inputs":{"x":[[1]]}}""", """{"inputs":{"y":[[1]]}}""" })
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            (await gateway.Client.PostAsync(new Uri("/predict/m", UriKind.Relative), content)).Dispose();
            (await gateway.Client.PostAsync(new Uri("/predict/nobody", UriKind.Relative), content)).Dispose();
        }

        string page = await gateway.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));

        Assert.Equal("", await CheckAsync(page));
        Assert.Contains("modelgateway_requests_total{model=\"m\",version=\"1\",outcome=\"success\"} 1", page, StringComparison.Ordinal);
        Assert.Contains("modelgateway_requests_total{model=\"m\",version=\"1\",outcome=\"invalid_request\"} 1", page, StringComparison.Ordinal);
        Assert.Contains("modelgateway_requests_total{model=\"\",version=\"\",outcome=\"unknown_model\"} 2", page, StringComparison.Ordinal);
        Assert.Contains("modelgateway_model_versions{state=\"failed\"} 1", page, StringComparison.Ordinal);
        Assert.DoesNotContain("nobody", page, StringComparison.Ordinal);
    }

    private static async Task<string> CheckAsync(string page)
    {
        using System.Diagnostics.Process promtool = System.Diagnostics.Process.Start(
            new ProcessStartInfo("promtool", ["check", "metrics"]) { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true })!;
        await promtool.StandardInput.WriteAsync(page);
        promtool.StandardInput.Close();
        string output = await promtool.StandardError.ReadToEndAsync() + await promtool.StandardOutput.ReadToEndAsync();
        await promtool.WaitForExitAsync();
        return output.Trim();
    }
}
