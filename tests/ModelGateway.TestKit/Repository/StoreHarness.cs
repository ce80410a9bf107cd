using System.Globalization;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using Prometheus;
using Xunit;

namespace ModelGateway.TestKit.Repository;

/// <summary>What a provider needs to open a store in a test, and what the store then asked for.</summary>
public sealed class StoreHarness
{
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();

    /// <param name="settings">The provider's section, keys without its name, for example <c>("Region", "eu-west-1")</c>.</param>
    public StoreHarness(params (string Key, string? Value)[] settings)
    {
        Settings = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => setting.Value)).Build();
        Context = new StoreContext(
            Settings,
            new ServingMetrics(_registry).ForStore("test"),
            TimeProvider.System,
            NullLoggerFactory.Instance,
            location => OpenOther?.Invoke(location) ?? throw new IOException($"No store is known for '{location}'."));
    }

    /// <summary>The provider's section.</summary>
    public IConfiguration Settings { get; }

    /// <summary>To open stores with.</summary>
    public StoreContext Context { get; }

    /// <summary>What <see cref="StoreContext.OpenOther"/> does; without it there is no other store.</summary>
    public Func<Uri, IObjectStore>? OpenOther { get; set; }

    /// <summary>The store behind a URI that must be faultless.</summary>
    public IObjectStore Open(IObjectStoreProvider provider, string location)
    {
        IReadOnlyList<string> faults = provider.FindFaults(new Uri(location), Settings);
        return faults.Count == 0 ? provider.Open(new Uri(location), Context) : throw new ArgumentException(string.Join(' ', faults));
    }

    /// <summary>Requests counted so far, by operation and outcome (<c>"list success"</c>).</summary>
    public async Task<IReadOnlyDictionary<string, int>> RequestsAsync()
    {
        var requests = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in await SeriesAsync("modelgateway_store_requests_total"))
        {
            string[] parts = line.Split('"');
            requests[$"{parts[3]} {parts[5]}"] = int.Parse(ValueOf(line), CultureInfo.InvariantCulture);
        }

        return requests;
    }

    /// <summary>Bytes of content counted so far.</summary>
    public async Task<long> ReceivedBytesAsync() =>
        long.Parse(ValueOf(Assert.Single(await SeriesAsync("modelgateway_store_received_bytes_total"))), NumberStyles.Float, CultureInfo.InvariantCulture);

    private static string ValueOf(string line) => line[(line.LastIndexOf(' ') + 1)..];

    private async Task<IEnumerable<string>> SeriesAsync(string metric)
    {
        using var page = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(page);
        return Encoding.UTF8.GetString(page.ToArray()).Split('\n').Where(line => line.StartsWith($"{metric}{{", StringComparison.Ordinal));
    }
}
