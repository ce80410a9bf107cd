using System.Diagnostics;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>A real gateway that has had traffic of every kind, a model that cannot be loaded, a shared cache and a collector that are away: every metric that there is has series.</summary>
public sealed class MonitoredGateway : IAsyncLifetime
{
    /// <summary>The tests that share it.</summary>
    public const string Collection = "Monitored gateway";

    /// <summary>Metrics that this gateway does not export: it has no certificate, and without one there is no time at which it ends.</summary>
    public static readonly string[] Absent = ["modelgateway_tls_certificate_expiry_timestamp_seconds"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What it exports.</summary>
    internal IReadOnlyList<MetricFamily> Metrics { get; private set; } = [];

    /// <summary>The labels of everything that queries may name: exported, given by Prometheus, or absent here.</summary>
    internal IReadOnlyDictionary<string, IReadOnlySet<string>> LabelsByName =>
        Metrics.SelectMany(family => family.QueryNames.Select(name => (name, Labels: family.Labels.Concat(name.EndsWith("_bucket", StringComparison.Ordinal) ? ["le"] : Array.Empty<string>()))))
            .Concat(Absent.Append("up").Select(name => (name, Enumerable.Empty<string>())))
            .ToDictionary(metric => metric.name, metric => (IReadOnlySet<string>)metric.Item2.Append("job").Append("instance").ToHashSet(StringComparer.Ordinal));

    public async Task InitializeAsync()
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        repository.AddVersion("together", 1, TestModels.AddConstant(1));
        repository.AddConfig("together", "batching: on");
        repository.AddVersion("large", 1, TestModels.LargeWeights(2 << 20));
        repository.AddVersion("broken", 1, TestModels.Broken());
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Cache__Redis__Configuration"] = "127.0.0.1:1",
            ["Gateway__Tracing__Endpoint"] = "http://127.0.0.1:1",
        });
        await gateway.WaitUntilReadyAsync();
        await PredictAsync(gateway, "/predict/m", """{"inputs":{"x":[[1]]}}""", null);
        await PredictAsync(gateway, "/predict/m", """{"inputs":{"x":[[1]]}}""", "no-store");
        await PredictAsync(gateway, "/predict/m", """{"inputs":{"y":[[1]]}}""", null);
        await PredictAsync(gateway, "/predict/nobody", "{}", null);
        await PredictAsync(gateway, "/predict/together", """{"inputs":{"x":[[1],[2]]}}""", null);
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            // Some series come with what happens behind the requests, and labels come with series.
            Metrics = MetricFamily.Read(await gateway.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)));
            string[] missing = [.. Missing(Metrics)];
            if (missing.Length == 0 || (waited.Elapsed > Patience && Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1"))
            {
                return;
            }

            if (waited.Elapsed > Patience)
            {
                throw new TimeoutException($"docs/operating/metrics.md has what is not exported: {string.Join(", ", missing)}. UPDATE_DOCS=1 writes it anew.");
            }
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    // The page has all that is exported: what rules and the dashboard ask for is among it.
    private static IEnumerable<string> Missing(IReadOnlyList<MetricFamily> metrics)
    {
        foreach ((string name, string[] labels) in MetricsPage.Rows)
        {
            MetricFamily? family = metrics.FirstOrDefault(metric => metric.Name == name);
            if (family is null || labels.Except(family.Labels).Any())
            {
                yield return $"{name}{{{string.Join(',', labels.Except(family?.Labels ?? []))}}}";
            }
        }
    }

    private static async Task PredictAsync(GatewayProcess gateway, string path, string body, string? cacheControl)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (cacheControl is not null)
        {
            request.Headers.Add("Cache-Control", cacheControl);
        }

        (await gateway.Client.SendAsync(request)).Dispose();
    }
}

/// <summary>One gateway for all tests that look at its metrics.</summary>
[CollectionDefinition(MonitoredGateway.Collection)]
public sealed class MonitoredGatewayDefinition : ICollectionFixture<MonitoredGateway>;
