using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>The real gateway over stores, which looks at them once an hour: what it sees, it was told of.</summary>
internal sealed class StoreGateway : IAsyncDisposable
{
    /// <summary>Opens the refresh endpoint.</summary>
    public const string RefreshSecret = "not-a-real-refresh-secret";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private StoreGateway(GatewayProcess process) => Process = process;

    public GatewayProcess Process { get; }

    /// <summary>Starts one that logs all it has to say, and waits until it is ready.</summary>
    /// <param name="artifacts">The artifact cache, which may be that of a process before.</param>
    /// <param name="settings">Environment variables without their <c>Gateway__</c>, stronger than those set here.</param>
    public static async Task<StoreGateway> StartAsync(string artifacts, IReadOnlyDictionary<string, string?> settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["Gateway__ArtifactFolder"] = artifacts,
            ["Gateway__PollInterval"] = "01:00:00",
            ["Gateway__SettleTime"] = "00:00:00.200",
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Refresh__Secret"] = RefreshSecret,
            ["Gateway__Logging__Level"] = "Verbose",
            ["Gateway__Logging__Requests"] = "All",
        };
        foreach ((string name, string? value) in settings)
        {
            all[$"Gateway__{name}"] = value;
        }

        var gateway = new StoreGateway(GatewayProcess.Start(all));
        await gateway.Process.WaitUntilReadyAsync();
        return gateway;
    }

    /// <summary>Starts one over a store.</summary>
    public static Task<StoreGateway> StartAsync(string artifacts, PublishedStore store) =>
        StartAsync(artifacts, new Dictionary<string, string?>(store.Settings) { ["Repository"] = store.Location });

    /// <summary>What it answers to zero: the constant of the version that answers.</summary>
    public async Task<(HttpStatusCode Status, long Version, float Value)> PredictAsync(string model)
    {
        using HttpResponseMessage response = await PostAsync($"/predict/{model}", """{"inputs":{"x":[[0]]}}""");
        if (response.StatusCode != HttpStatusCode.OK)
        {
            return (response.StatusCode, 0, 0);
        }

        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (
            HttpStatusCode.OK,
            long.Parse(answer.RootElement.GetProperty("version").GetString()!, CultureInfo.InvariantCulture),
            answer.RootElement.GetProperty("outputs").EnumerateObject().First().Value[0][0].GetSingle());
    }

    /// <summary>Waits until a version answers, and right.</summary>
    public async Task WaitForAsync(string model, long version, float value)
    {
        (HttpStatusCode Status, long Version, float Value) last = default;
        await WaitUntilAsync(async () => (last = await PredictAsync(model)) == (HttpStatusCode.OK, version, value), () => $"{model}/{version} does not answer {value}, but {last}");
    }

    /// <summary>Hands a notification in, as a store does that has only an address to send it to.</summary>
    /// <returns>The locations of the repositories that are looked at now.</returns>
    public async Task<string[]> RefreshAsync(string body)
    {
        using HttpResponseMessage response = await PostAsync($"/v2/repository/refresh?secret={RefreshSecret}", body);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, text);
        using JsonDocument answer = JsonDocument.Parse(text);
        return [.. answer.RootElement.GetProperty("repositories").EnumerateArray().Select(item => item.GetString()!)];
    }

    /// <summary>Loads a model with a configuration in place of its <c>model.yaml</c>, and returns when it answers.</summary>
    public async Task LoadAsync(string model, string config)
    {
        using HttpResponseMessage response = await PostAsync($"/v2/repository/models/{model}/load", JsonSerializer.Serialize(new { parameters = new { config } }));
        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
    }

    /// <summary>The repository index, as it is sent.</summary>
    public async Task<string> IndexAsync()
    {
        using HttpResponseMessage response = await PostAsync("/v2/repository/index", "{}");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync();
    }

    /// <summary>One version's entry of the repository index; undefined where it is not listed, or not yet.</summary>
    public async Task<JsonElement> EntryAsync(string model, long version)
    {
        using JsonDocument index = JsonDocument.Parse(await IndexAsync());
        string number = version.ToString(CultureInfo.InvariantCulture);
        JsonElement found = index.RootElement.EnumerateArray().SingleOrDefault(entry => entry.GetProperty("name").GetString() == model && entry.GetProperty("version").GetString() == number);
        return found.ValueKind == JsonValueKind.Undefined ? found : found.Clone();
    }

    /// <summary>The reason of a version's entry; empty where there is none, null where there is no such version.</summary>
    public async Task<string?> ReasonAsync(string model, long version)
    {
        JsonElement entry = await EntryAsync(model, version);
        return entry.ValueKind == JsonValueKind.Undefined ? null : entry.GetProperty("reason").GetString();
    }

    /// <summary>What <c>/health/ready</c> says.</summary>
    public async Task<(HttpStatusCode Status, string? Reason)> HealthAsync()
    {
        using HttpResponseMessage response = await Process.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (response.StatusCode, answer.RootElement.TryGetProperty("reason", out JsonElement reason) ? reason.GetString() : null);
    }

    public Task<string> GetAsync(string path) => Process.Client.GetStringAsync(new Uri(path, UriKind.Relative));

    /// <summary>One counter's series that have all these labels, by all their labels.</summary>
    public async Task<Dictionary<string, double>> CountersAsync(string name, params (string Name, string Value)[] labels)
    {
        string page = await GetAsync("/metrics");
        return page.Split('\n')
            .Where(line => line.StartsWith($"{name}{{", StringComparison.Ordinal) && labels.All(label => line.Contains($"{label.Name}=\"{label.Value}\"", StringComparison.Ordinal)))
            .Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => double.Parse(parts[^1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
    }

    /// <summary>Asks again until the answer is yes, at most for as long as the test's patience lasts.</summary>
    public async Task WaitUntilAsync(Func<Task<bool>> condition, Func<string> complaint)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await HoldsAsync(condition))
        {
            if (patience.IsCancellationRequested)
            {
                Assert.Fail($"{complaint()}. Index: {await IndexAsync()}. The gateway wrote:{Environment.NewLine}{Process.Output}");
            }

            await Task.Delay(10, CancellationToken.None);
        }
    }

    // A gateway that has ended is asked in vain; what it wrote says why.
    private async Task<bool> HoldsAsync(Func<Task<bool>> condition)
    {
        try
        {
            return await condition();
        }
        catch (HttpRequestException exception)
        {
            throw new Xunit.Sdk.XunitException($"The gateway does not answer: {exception.Message} It wrote:{Environment.NewLine}{Process.Output}");
        }
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private async Task<HttpResponseMessage> PostAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await Process.Client.PostAsync(new Uri(path, UriKind.Relative), content);
    }
}
