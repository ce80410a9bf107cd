using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using Prometheus;

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
        using var page = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(page);
        var requests = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in System.Text.Encoding.UTF8.GetString(page.ToArray()).Split('\n').Where(line => line.StartsWith("modelgateway_store_requests_total{", StringComparison.Ordinal)))
        {
            string[] parts = line.Split('"');
            requests[$"{parts[3]} {parts[5]}"] = int.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        }

        return requests;
    }
}
