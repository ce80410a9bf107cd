using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Tests.Caching;

/// <summary>One of several gateways that share a store of predictions. Its models are those of <c>TestModels.Slow</c>: the answer is x and the model's turns.</summary>
internal sealed class StoreReplica : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // The metrics, which are mostly asked for, are a page that takes a gateway some time.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private StoreReplica(GatewayProcess process) => Process = process;

    public GatewayProcess Process { get; }

    /// <summary>Starts one and waits until it is ready.</summary>
    /// <param name="repository">Its models.</param>
    /// <param name="settings">Environment variables without their <c>Gateway__</c>, stronger than those set here.</param>
    public static async Task<StoreReplica> StartAsync(RepositoryFolder repository, params IEnumerable<(string Key, string Value)> settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__PollInterval"] = "00:00:00.100",
            ["Gateway__SettleTime"] = "00:00:00",
            ["Gateway__Logging__Level"] = "Warning",
            ["Gateway__Logging__Requests"] = "None",
        };
        foreach ((string key, string value) in settings)
        {
            all[$"Gateway__{key}"] = value;
        }

        var replica = new StoreReplica(GatewayProcess.Start(all));
        try
        {
            await replica.Process.WaitUntilReadyAsync();
            return replica;
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks again until a condition holds.</summary>
    /// <exception cref="TimeoutException">It never does; the message says what the cache did instead.</exception>
    public async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        using var deadline = new CancellationTokenSource(patience ?? Patience);
        while (!await condition())
        {
            if (deadline.IsCancellationRequested)
            {
                string page = await Process.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
                IEnumerable<string> cache = page.Split('\n').Where(line => line.StartsWith("modelgateway_cache", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal));
                throw new TimeoutException($"Waited in vain: {what}. {string.Join(Environment.NewLine, cache)}{Environment.NewLine}{Process.Output}");
            }

            await Task.Delay(Pause);
        }
    }

    /// <summary>What it answers.</summary>
    /// <exception cref="HttpRequestException">Another status than 200; the message holds the body.</exception>
    public async Task<CachedAnswer> AskAsync(string model, long x)
    {
        using var content = new StringContent(string.Create(CultureInfo.InvariantCulture, $$$"""{"inputs":{"x":[[{{{x}}}]]}}"""), Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await Process.Client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), content);
        string body = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"{(int)response.StatusCode}: {body}");
        }

        using JsonDocument answer = JsonDocument.Parse(body);
        double y = answer.RootElement.GetProperty("outputs").GetProperty("y")[0][0].GetDouble();
        return new CachedAnswer(y, string.Join(", ", response.Headers.GetValues("Cache-Status")));
    }

    /// <summary>Asks and waits until the answer stands in the store.</summary>
    public async Task<CachedAnswer> AskAndStoreAsync(string model, long x)
    {
        double before = await WrittenAsync();
        CachedAnswer answer = await AskAsync(model, x);
        await UntilAsync(async () => await WrittenAsync() > before, $"{x} is written to the store");
        return answer;
    }

    /// <summary>Waits until the store is asked for a model's answers, which begins when its epochs are known. Runs nothing.</summary>
    public Task UntilSharedAsync(string model) => UntilAsync(
        async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/predict/{model}", UriKind.Relative))
            {
                Content = new StringContent("""{"inputs":{"x":[[-1]]}}""", Encoding.UTF8, "application/json"),
                Headers = { CacheControl = new CacheControlHeaderValue { OnlyIfCached = true } },
            };
            using HttpResponseMessage response = await Process.Client.SendAsync(request);
            return await MetricAsync("modelgateway_cache_lookups_total", $"model=\"{model}\"", "level=\"store\"") > 0;
        },
        $"the store is asked for answers of {model}");

    /// <summary>Looks into the store.</summary>
    public Task<double> LookupsAsync(string outcome) => MetricAsync("modelgateway_cache_lookups_total", "level=\"store\"", $"outcome=\"{outcome}\"");

    /// <summary>The sum of the series that have these labels.</summary>
    public async Task<double> MetricAsync(string name, params string[] labels)
    {
        string page = await Process.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        return page.Split('\n')
            .Where(line => (line.StartsWith($"{name}{{", StringComparison.Ordinal) || line.StartsWith($"{name} ", StringComparison.Ordinal))
                && labels.All(label => line.Contains(label, StringComparison.Ordinal)))
            .Sum(line => double.Parse(line.AsSpan(line.LastIndexOf(' ') + 1), CultureInfo.InvariantCulture));
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private Task<double> WrittenAsync() => MetricAsync("modelgateway_cache_store_requests_total", "operation=\"set\"", "outcome=\"success\"");
}

/// <summary>An answer.</summary>
/// <param name="Y">The output.</param>
/// <param name="CacheStatus">What the cache did for it.</param>
internal sealed record CachedAnswer(double Y, string CacheStatus)
{
    /// <summary>Whether it came out of a run of its own.</summary>
    public bool IsRun => CacheStatus.Contains("fwd=", StringComparison.Ordinal) && !CacheStatus.Contains("collapsed", StringComparison.Ordinal);

    /// <summary>Whether this replica remembered it by itself.</summary>
    public bool IsRemembered => IsFrom("memory") || IsFrom("answer");

    public bool IsFrom(string level) => CacheStatus.Contains("; hit;", StringComparison.Ordinal) && CacheStatus.EndsWith($"detail={level}", StringComparison.Ordinal);
}
