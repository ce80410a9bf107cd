using System.Globalization;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>The real server in a process of its own, over a model repository of its own, open and quick to see changes.</summary>
public sealed class HttpGateway : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private HttpGateway(GatewayProcess process, RepositoryFolder repository)
    {
        Process = process;
        Repository = repository;
    }

    public GatewayProcess Process { get; }

    public RepositoryFolder Repository { get; }

    public HttpClient Client => Process.Client;

    /// <summary>Starts a server; does not wait for it.</summary>
    /// <param name="fill">Adds the first models.</param>
    /// <param name="settings">Environment variables without their <c>Gateway__</c>, stronger than those set here; a null value removes one.</param>
    public static HttpGateway Start(Action<RepositoryFolder> fill, params (string Name, string? Value)[] settings)
    {
        var repository = new RepositoryFolder();
        fill(repository);
        var all = new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__SettleTime"] = "00:00:00",
            ["Gateway__PollInterval"] = "00:00:00.050",
            ["Gateway__Logging__Level"] = "Warning",
        };
        foreach ((string name, string? value) in settings)
        {
            all[$"Gateway__{name}"] = value;
        }

        return new HttpGateway(GatewayProcess.Start(all), repository);
    }

    /// <summary>Starts a server and waits until it is ready.</summary>
    public static async Task<HttpGateway> StartAsync(Action<RepositoryFolder> fill, params (string Name, string? Value)[] settings)
    {
        HttpGateway gateway = Start(fill, settings);
        await gateway.Process.WaitUntilReadyAsync();
        return gateway;
    }

    public Task<HttpResponseMessage> PostAsync(string path, string body) =>
        Client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"));

    public Task<HttpResponseMessage> GetAsync(string path) => Client.GetAsync(new Uri(path, UriKind.Relative));

    public Task<RawConnection> ConnectAsync() => RawConnection.OpenAsync(Client.BaseAddress!.Port);

    public Task<string> MetricsAsync() => Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));

    /// <summary>The value of one series, named as on the page without <c>modelgateway_</c>; null where there is no such series.</summary>
    public async Task<double?> MetricAsync(string series) => Value(await MetricsAsync(), series);

    public static double? Value(string page, string series)
    {
        string start = $"modelgateway_{series} ";
        string? line = page.Split('\n').FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal));
        return line is null ? null : double.Parse(line[start.Length..], CultureInfo.InvariantCulture);
    }

    public Task WaitForMetricAsync(string series, double value) =>
        WaitUntilAsync(async () => await MetricAsync(series) == value, () => $"{series} did not become {value}");

    /// <summary>Asks again until the answer is yes, at most for as long as the test's patience lasts.</summary>
    public async Task WaitUntilAsync(Func<Task<bool>> condition, Func<string> complaint)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, $"{complaint()}. The gateway wrote:{Environment.NewLine}{Process.Output}");
            await Task.Delay(5);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Repository.Dispose();
    }
}
