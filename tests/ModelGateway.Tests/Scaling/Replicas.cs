using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Scaling;

/// <summary>Gateways that share a repository and a Redis, and nothing else; each at an address that stays its own while processes come and go.</summary>
internal sealed class Replicas(RepositoryFolder repository, RedisServer redis) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Dictionary<Uri, GatewayProcess> _running = [];

    /// <summary>Starts gateways at these addresses and waits until all are ready.</summary>
    public async Task StartAsync(params Uri[] addresses)
    {
        foreach (Uri address in addresses)
        {
            _running.Add(address, GatewayProcess.Start(new Dictionary<string, string?>
            {
                ["ASPNETCORE_URLS"] = address.GetLeftPart(UriPartial.Authority),
                ["Gateway__Repository"] = repository.Root,
                ["Gateway__Auth__Enabled"] = "false",
                ["Gateway__SettleTime"] = "00:00:00",
                ["Gateway__PollInterval"] = "00:00:00.200",
                ["Gateway__Cache__Redis__Configuration"] = redis.Address,
                ["Gateway__Shutdown__Delay"] = "00:00:00.500",
                ["Gateway__Logging__Level"] = "Warning",
            }));
        }

        foreach (Uri address in addresses)
        {
            await _running[address].WaitUntilReadyAsync();
        }
    }

    /// <summary>Ends one at once.</summary>
    public async Task KillAsync(Uri address)
    {
        await using GatewayProcess gateway = Remove(address);
        await gateway.KillAsync();
    }

    /// <summary>Asks one to stop and waits until it has.</summary>
    public async Task DrainAsync(Uri address)
    {
        await using GatewayProcess gateway = Remove(address);
        gateway.Terminate();
        Assert.True(await gateway.WaitForExitAsync(Patience) == 0, gateway.Output);
    }

    /// <summary>Waits until a condition holds for each that runs.</summary>
    public async Task EachAsync(Func<HttpClient, Task<bool>> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Patience);
        foreach (GatewayProcess gateway in _running.Values)
        {
            while (!await condition(gateway.Client))
            {
                Assert.False(deadline.IsCancellationRequested, $"Waited in vain for {what}. The gateway wrote:{Environment.NewLine}{gateway.Output}");
                await Task.Delay(50);
            }
        }
    }

    /// <summary>What each that runs has of each model: name, version, state and digest.</summary>
    public async Task<string[]> IndexesAsync() => await Task.WhenAll(_running.Values.Select(gateway => IndexAsync(gateway.Client)));

    /// <summary>The same of one.</summary>
    public static async Task<string> IndexAsync(HttpClient client)
    {
        using HttpResponseMessage response = await client.PostAsync(new Uri("/v2/repository/index", UriKind.Relative), null);
        using JsonDocument index = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return string.Join('\n', index.RootElement.EnumerateArray().Select(entry =>
            $"{entry.GetProperty("name")} {entry.GetProperty("version")} {entry.GetProperty("state")} {(entry.TryGetProperty("digest", out JsonElement digest) ? digest : default)}"));
    }

    /// <summary>Requests that one has answered with a prediction.</summary>
    public static async Task<double> AnsweredAsync(HttpClient client)
    {
        string page = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        return page.Split('\n')
            .Where(line => line.StartsWith("modelgateway_requests_total{", StringComparison.Ordinal) && line.Contains("outcome=\"success\"", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
    }

    /// <summary>Whether one answers from what it, or Redis, remembers.</summary>
    public static async Task<bool> RemembersAsync(HttpClient client, string model)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/predict/{model}", UriKind.Relative))
        {
            Content = Body(),
            Headers = { CacheControl = new CacheControlHeaderValue { OnlyIfCached = true } },
        };
        using HttpResponseMessage response = await client.SendAsync(request);
        return response.StatusCode == HttpStatusCode.OK;
    }

    /// <summary>Predicts what <see cref="RemembersAsync"/> then looks for.</summary>
    public static async Task<bool> PredictAsync(HttpClient client, string model)
    {
        using HttpResponseMessage response = await client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), Body());
        return response.StatusCode == HttpStatusCode.OK;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (GatewayProcess gateway in _running.Values)
        {
            await gateway.DisposeAsync();
        }
    }

    private static StringContent Body() => new("""{"inputs":{"x":[[7]]}}""", Encoding.UTF8, "application/json");

    private GatewayProcess Remove(Uri address)
    {
        Assert.True(_running.Remove(address, out GatewayProcess? gateway));
        return gateway;
    }
}
