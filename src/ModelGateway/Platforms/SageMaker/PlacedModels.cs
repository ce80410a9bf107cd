using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Options;
using ModelGateway.Platforms.Artifacts;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Platforms.SageMaker;

/// <summary>
/// The models that SageMaker had loaded, each in a folder of its own, as one repository; and what of the memory budget they have taken.
/// </summary>
/// <remarks>
/// <c>_gate</c> guards the sum of the bytes and what is added or removed with it; the models are read without it. A folder does not change
/// after it was added, so it is listed once.
/// </remarks>
internal sealed class PlacedModels(IOptions<GatewayOptions> options, ServingOptions serving, IHostEnvironment environment) : IObjectStore
{
    // Nothing is ever found by looking: whoever adds a model has it looked at.
    private static readonly TimeSpan PollInterval = TimeSpan.FromHours(1);
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, PlacedModel> _models = new(StringComparer.Ordinal);
    private long _bytes;
    private int _generation;

    /// <summary>The folder below which all models lie.</summary>
    public string Root { get; } = Path.TrimEndingDirectorySeparator(Path.GetFullPath(Path.Combine(environment.ContentRootPath, PathOf(options.Value.Repository))));

    /// <inheritdoc/>
    public string Location => new Uri(Root).AbsoluteUri;

    /// <inheritdoc/>
    public bool SupportsRanges => true;

    /// <summary>SageMaker names a folder once everything is in it.</summary>
    public bool MustSettle => false;

    /// <summary>The models that are loaded, by name.</summary>
    public IEnumerable<PlacedModel> Loaded => _models.Values.Where(model => model.IsLoaded).OrderBy(model => model.Name, StringComparer.Ordinal);

    /// <summary>What a watcher watches.</summary>
    public WatchedRepository Watch(IServiceProvider services) => new(
        new ModelRepository(this, serving.SettleTime, services.GetRequiredService<TimeProvider>()) { Artifacts = services.GetRequiredService<ArtifactCache>() }, PollInterval);

    /// <summary>The model of that name, loaded or on its way; null where there is none.</summary>
    public PlacedModel? Find(string name) => _models.GetValueOrDefault(name);

    /// <summary>The model of that name if it is loaded; null otherwise.</summary>
    public PlacedModel? FindLoaded(string name) => Find(name) is { IsLoaded: true } model ? model : null;

    /// <summary>The folder that a URL names, which is a path or a file URL; null where it does not lie below <see cref="Root"/>.</summary>
    public string? FolderOf(string url)
    {
        string path = PathOf(url);
        string folder = Path.IsPathRooted(path) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)) : "";
        return folder.StartsWith(Path.EndsInDirectorySeparator(Root) ? Root : Root + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? folder : null;
    }

    /// <summary>Adds a model whose files lie in this folder.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public async Task<(PlacedOutcome Outcome, PlacedModel? Model)> AddAsync(string name, string url, string folder, CancellationToken cancellationToken)
    {
        var store = new ArrangedStore(new FileObjectStore(folder), new PlacedArtifacts(name, 1), isOneModel: true);
        ObjectListing listing = (await store.ListAsync(null, cancellationToken))!;
        long bytes = ModelMemory.Estimate(listing.Objects.Sum(found => found.Size));
        lock (_gate)
        {
            if (_models.ContainsKey(name))
            {
                return (PlacedOutcome.AlreadyThere, null);
            }

            if (_bytes + bytes > serving.MemoryBudget)
            {
                return (PlacedOutcome.NoMemory, null);
            }

            var model = new PlacedModel(name, url, store, [.. listing.Objects.Where(found => found.Key.StartsWith(name + "/", StringComparison.Ordinal))], bytes);
            _models[name] = model;
            _bytes += bytes;
            _generation++;
            return (PlacedOutcome.Added, model);
        }
    }

    /// <summary>Takes a model out again, once its memory is free. Only this very one: another may have its name by now.</summary>
    public void Remove(PlacedModel model)
    {
        lock (_gate)
        {
            if (_models.TryRemove(KeyValuePair.Create(model.Name, model)))
            {
                _bytes -= model.Bytes;
                _generation++;
            }
        }
    }

    public Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            string marker = _generation.ToString(CultureInfo.InvariantCulture);
            return Task.FromResult(marker == unlessMarker ? null : new ObjectListing([.. _models.Values.SelectMany(model => model.Objects)], marker));
        }
    }

    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken) =>
        StoreOf(key) is { } store ? await store.FindAsync(key, cancellationToken) : null;

    public Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken) =>
        StoreOf(source.Key)?.CopyRangeAsync(source, offset, count, destination, cancellationToken) ?? throw new ObjectChangedException(source.Key);

    private ArrangedStore? StoreOf(string key) => Find(key.Split('/')[0])?.Store;

    private static string PathOf(string url) => Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) && uri.IsFile ? uri.LocalPath : url;
}

/// <summary>A model that SageMaker had loaded, or wants to have.</summary>
/// <param name="name">The opaque name that SageMaker gave it.</param>
/// <param name="url">Where its files lie, as SageMaker wrote it.</param>
/// <param name="store">Its files, below its name.</param>
/// <param name="objects">The same, as listed.</param>
/// <param name="bytes">The memory that it takes by estimate.</param>
internal sealed class PlacedModel(string name, string url, ArrangedStore store, IReadOnlyList<StoredObject> objects, long bytes)
{
    private volatile bool _isLoaded;

    /// <summary>Held by whoever loads or unloads it: one after the other, also where several ask at once.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    public string Name => name;

    public string Url => url;

    public ArrangedStore Store => store;

    public IReadOnlyList<StoredObject> Objects => objects;

    public long Bytes => bytes;

    /// <summary>It answers: SageMaker was, or is about to be, told so.</summary>
    public bool IsLoaded
    {
        get => _isLoaded;
        set => _isLoaded = value;
    }
}

/// <summary>What came of adding a model.</summary>
internal enum PlacedOutcome
{
    /// <summary>It is there now.</summary>
    Added,

    /// <summary>One of its name was there, and stays.</summary>
    AlreadyThere,

    /// <summary>The memory budget has no room for it.</summary>
    NoMemory,
}
