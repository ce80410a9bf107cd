using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>One of the repositories that a <see cref="RepositoryWatcher"/> watches: its schedule, its last good listing and its state.</summary>
/// <remarks>
/// One scan at a time (<see cref="Gate"/>), which alone changes what is here; the listing, the problem and the wake are read from other
/// threads, each whole.
/// </remarks>
public sealed class WatchedRepository : IDisposable
{
    private volatile RepositoryListing? _listing;
    private volatile string? _problem;
    private int _looks;
    private volatile TaskCompletionSource _wake = NewWake();

    /// <summary>A repository that nobody has looked at yet.</summary>
    /// <param name="models">Knows its layout.</param>
    /// <param name="pollInterval">Time between two looks.</param>
    /// <param name="random">Gives numbers from 0 to 1 that vary the interval; null for the usual ones.</param>
    public WatchedRepository(ModelRepository models, TimeSpan pollInterval, Func<double>? random = null)
    {
        Models = models;
        Schedule = new PollSchedule(pollInterval, random ?? Random.Shared.NextDouble);
    }

    /// <summary>Where it lies, as operators know it.</summary>
    public string Location => Models.Store.Location;

    /// <summary>Why it could not be read at the last look, or null.</summary>
    public string? Problem
    {
        get => _problem;
        internal set => _problem = value;
    }

    /// <summary>What it holds is known: it was read once, or remembered from before the start.</summary>
    public bool IsKnown => _listing is not null;

    /// <summary>Location, and what stands before the names of its models.</summary>
    internal string Name => Models.NamePrefix.Length == 0 ? Location : $"{Location} (NamePrefix '{Models.NamePrefix}')";

    internal ModelRepository Models { get; }

    internal PollSchedule Schedule { get; }

    internal SemaphoreSlim Gate { get; } = new(1, 1);

    /// <summary>The last good one, which may be one from before the start.</summary>
    internal RepositoryListing? Listing
    {
        get => _listing;
        set => _listing = value;
    }

    /// <summary>How often it was looked at, with or without success.</summary>
    internal int Looks
    {
        get => Volatile.Read(ref _looks);
        set => Volatile.Write(ref _looks, value);
    }

    /// <summary>The journal was asked: it is not asked twice.</summary>
    internal bool IsRecalled { get; set; }

    /// <summary>The log already says that it cannot be read.</summary>
    internal bool IsReportedUnreadable { get; set; }

    /// <summary>Problems that the log already tells.</summary>
    internal HashSet<string> Reported { get; } = new(StringComparer.Ordinal);

    /// <summary>Looks at it at once, or once more after the look that is under way; any number of calls until then are one.</summary>
    public void Wake() => _wake.TrySetResult();

    /// <summary>Whether a model of that name may be in it, by the prefix.</summary>
    public bool MayHold(string model) => model.StartsWith(Models.NamePrefix, StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Dispose() => Gate.Dispose();

    /// <summary>Completes at the next <see cref="Wake"/>; taken before a look, so that none during the look is missed.</summary>
    internal Task NextWake()
    {
        TaskCompletionSource wake = NewWake();
        _wake = wake;
        return wake.Task;
    }

    private static TaskCompletionSource NewWake() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
