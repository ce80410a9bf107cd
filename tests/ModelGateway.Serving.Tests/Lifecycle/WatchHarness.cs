using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Prometheus;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>
/// One or more repositories in memory, watched on a clock of the test's, with a runtime that loads anything. Intervals do not vary
/// unless the test says how.
/// </summary>
internal sealed class WatchHarness : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    // Long enough for a busy machine: who waits this long waits for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly ArtifactCache _artifacts;
    private readonly string _folder;
    private readonly bool _ownsFolder;

    public WatchHarness(params MemoryObjectStore[] stores)
        : this(new WatchSetup(), stores)
    {
    }

    public WatchHarness(WatchSetup setup, params MemoryObjectStore[] stores)
    {
        _ownsFolder = setup.Folder is null;
        _folder = setup.Folder ?? Directory.CreateTempSubdirectory("watch-").FullName;
        Options = new ServingOptions { ArtifactFolder = Path.Combine(_folder, "artifacts"), SettleTime = TimeSpan.FromSeconds(1), LoadParallelism = 2 };
        var metrics = new ServingMetrics(_registry);
        _artifacts = new ArtifactCache(Options.ArtifactFolder);
        Manager = new ServableManager(_artifacts, Runtime, metrics, Options, Time, NullLogger<ServableManager>.Instance);
        var journal = new ListingJournal(Path.Combine(_folder, "listings"), NullLogger<ListingJournal>.Instance);
        Watcher = new RepositoryWatcher(
            [.. stores.Select((store, index) =>
            {
                store.Traffic = metrics.ForStore(store.Location);
                return new WatchedRepository(
                    new ModelRepository(store, Options.SettleTime, Time) { NamePrefix = setup.Prefixes.ElementAtOrDefault(index) ?? "", Journal = journal }, setup.Interval, setup.Random);
            })],
            Manager, metrics, Options, Time, Log);
    }

    public SteppedTime Time { get; } = new();

    public FakeRuntime Runtime { get; } = new();

    public LogLines<RepositoryWatcher> Log { get; } = new();

    public ServingOptions Options { get; }

    public ServableManager Manager { get; }

    public RepositoryWatcher Watcher { get; }

    public Task ScanAsync() => Watcher.ScanAsync(null, CancellationToken.None);

    /// <summary>Scans all, and waits until nothing is being loaded and nothing drains.</summary>
    public async Task ScanAndSettleAsync()
    {
        await ScanAsync();
        await SettleAsync();
    }

    public Task SettleAsync() => UntilAsync(() => Manager.Snapshot().Models.Values.All(model =>
        !model.IsBusy && model.Versions.All(version => version.State != ServableState.Draining)));

    /// <summary>Waits until the condition holds after some change.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        while (true)
        {
            Task changed = Manager.NextChange();
            if (condition())
            {
                return;
            }

            await changed.WaitAsync(Patience);
        }
    }

    /// <summary>What answers for a model, by its files' place; null where nothing does.</summary>
    public string? Answering(string model) => Manager.Find(model)?.Default?.Source;

    /// <summary>The value of one series, named as on the metrics page without <c>modelgateway_</c>; null where there is no such series.</summary>
    public async Task<double?> MetricAsync(string series)
    {
        using var page = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(page);
        string start = $"modelgateway_{series} ";
        string? line = Encoding.UTF8.GetString(page.ToArray()).Split('\n').FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal));
        return line is null ? null : double.Parse(line[start.Length..], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>All requests to a store so far, by <c>operation outcome</c>.</summary>
    public async Task<string> RequestsAsync(MemoryObjectStore store)
    {
        using var page = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(page);
        IEnumerable<string> lines = Encoding.UTF8.GetString(page.ToArray()).Split('\n')
            .Where(line => line.StartsWith($"modelgateway_store_requests_total{{repository=\"{store.Location}\"", StringComparison.Ordinal))
            .Select(line => line.Split('"') is var parts ? $"{parts[3]} {parts[5]} {line[(line.LastIndexOf(' ') + 1)..]}" : "");
        return string.Join(", ", lines.Order(StringComparer.Ordinal));
    }

    public void Dispose()
    {
        Watcher.Dispose();
        Manager.Dispose();
        _artifacts.Dispose();
        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}

/// <summary>What a test sets of a <see cref="WatchHarness"/>.</summary>
internal sealed record WatchSetup
{
    /// <summary>Where artifacts and the journal lie, for a start after another; null for a folder of its own.</summary>
    public string? Folder { get; init; }

    public TimeSpan Interval { get; init; } = WatchHarness.Interval;

    /// <summary>The middle by default: an interval that does not vary.</summary>
    public Func<double> Random { get; init; } = static () => 0.5;

    /// <summary>Of each store's models, in order.</summary>
    public IReadOnlyList<string> Prefixes { get; init; } = [];
}
