using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>The manager's working state of one version. Touched under the manager's lock only.</summary>
internal sealed class VersionSlot(ServableId id)
{
    public ServableId Id { get; } = id;

    /// <summary>As last scanned; null once its folder is gone.</summary>
    public VersionListing? Listing { get; set; }

    /// <summary>The first reading of the repositories found it: the server is not ready before it is loaded.</summary>
    public bool WasThereAtStart { get; init; }

    public ServableState State { get; set; } = ServableState.Discovered;

    public string? Reason { get; set; }

    /// <summary>What answers now; the slot holds one reference to it.</summary>
    public Servable? Ready { get; set; }

    public string? ReadyKey { get; set; }

    /// <summary>Where the files of what answers, or drains, came from, and their digest.</summary>
    public (string Source, string Digest) Loaded { get; set; }

    /// <summary>What the files of the last fetch turned out to be, with the fingerprint of their listing: known also where the load failed then.</summary>
    public (string Fingerprint, string Digest) Fetched { get; set; }

    public string? FailedKey { get; set; }

    /// <summary>Servables of this version that are in memory: the one that answers, and those that drain.</summary>
    public int InMemory { get; set; }

    /// <summary>Set while a loader has it.</summary>
    public CancellationTokenSource? Loading { get; set; }

    /// <summary>What the loader was given.</summary>
    public string? LoadingKey { get; set; }

    /// <summary>Kept out of memory until a request asks for it, or until it has to take over from a version that answers.</summary>
    public bool IsAsleep { get; set; }

    /// <summary>A request asked for it while it slept, and it is not loaded yet: requests wait for it.</summary>
    public bool IsWaking { get; set; }

    /// <summary>It should answer, as the planner last found.</summary>
    public bool IsDesired { get; set; }

    /// <summary>An explicit load asked for it, which has not ended yet.</summary>
    public bool IsRequested { get; set; }

    /// <summary>Requests that wait until it is loaded.</summary>
    public int Waiting { get; set; }

    /// <summary>Set aside for its load under way; bytes.</summary>
    public long Reserved { get; set; }

    /// <summary>Raised by an explicit load, so that unchanged files are loaded anew.</summary>
    public int Generation { get; set; }

    /// <summary>After a failure that may pass by itself: not before this time again.</summary>
    public DateTimeOffset RetryAt { get; set; }

    /// <summary>Failures that may pass, one after the other, of these very files.</summary>
    public int Failures { get; set; }

    /// <summary>Asks the planner again at <see cref="RetryAt"/>.</summary>
    public ITimer? Retry { get; set; }

    public VersionView ToView()
    {
        ServableState state = Ready is null ? State : ServableState.Ready;
        bool isInMemory = state is ServableState.Ready or ServableState.Draining;
        return new VersionView(Id, state, Reason, Ready)
        {
            IsOnDemand = Ready is null && IsDesired && (IsAsleep || IsWaking),
            Source = isInMemory ? Loaded.Source : Listing?.Source,
            Digest = isInMemory ? Loaded.Digest : Listing is null || Listing.Fingerprint != Fetched.Fingerprint ? Listing?.Digest : Fetched.Digest,
        };
    }
}

/// <summary>The manager's working state of one model. Touched under the manager's lock only, except <see cref="View"/>.</summary>
internal sealed class ModelSlot(string name)
{
    private TaskCompletionSource? _published;

    // Readers may find the slot before it is filled, so there is a view from the first moment.
    private volatile ModelView _view = new(name, ModelConfig.Default, [], reason: null, isBusy: false);

    public string Name { get; } = name;

    public ModelConfig Config { get; set; } = ModelConfig.Default;

    /// <summary>
    /// The file's text. <see cref="Config"/> or <see cref="ConfigFault"/> came from it, or from a load request, which stands until the
    /// file changes.
    /// </summary>
    public string? ConfigText { get; set; }

    public string? ConfigFault { get; set; }

    /// <summary>No faultless configuration was ever read: nothing is loaded until there is one.</summary>
    public bool ConfigMissing { get; set; } = true;

    /// <summary>The last scans found its folder.</summary>
    public bool IsListed { get; set; }

    /// <summary>Several repositories offer it: nothing new of it is loaded, and what answers goes on. The reason, or null.</summary>
    public string? Conflict { get; set; }

    public bool IsConfigRead { get; set; }

    public bool UnloadedByOperator { get; set; }

    public SortedDictionary<long, VersionSlot> Versions { get; } = [];

    /// <summary>Where the labels lead now, see <see cref="MoveLabels"/>.</summary>
    public IReadOnlyDictionary<string, long> Labels { get; private set; } = new Dictionary<string, long>();

    /// <summary>What readers see; replaced as a whole.</summary>
    public ModelView View => _view;

    /// <summary>A label that was given to another version leads to the one before until the new one answers, which may never be.</summary>
    public void MoveLabels() => Labels = Config.Labels.ToDictionary(
        label => label.Key,
        label => !IsReady(label.Value) && Labels.TryGetValue(label.Key, out long before) && IsReady(before) ? before : label.Value,
        StringComparer.Ordinal);

    public void Publish()
    {
        _view = new ModelView(
            Name, Config, [.. Versions.Values.Select(slot => slot.ToView())], Conflict ?? ConfigFault, Versions.Values.Any(slot => slot.Loading is not null))
        {
            Labels = Labels,
        };
        _published?.SetResult();
        _published = null;
    }

    /// <summary>Completes when readers see something new.</summary>
    public Task NextPublish() => (_published ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    private bool IsReady(long version) => Versions.GetValueOrDefault(version)?.Ready is not null;

    public string KeyOf(VersionSlot slot) => slot.Listing is null ? "" : $"{slot.Listing.Fingerprint}/{Config.LoadFingerprint}/{slot.Generation}";
}
