using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// Owns every loaded version: takes what the repository holds, has the planner decide, has the loaders do it, and lends handles.
/// </summary>
/// <remarks>
/// <c>_gate</c> guards all slots; it is held for bookkeeping only, never for a load, a dispose or I/O. Requests take no lock: they
/// read a model's published view from <c>_models</c>. On a swap the new view is published before the manager lets go of
/// the old servable, so a request that finds the old one gone reads again and finds the new one.
/// </remarks>
public sealed partial class ServableManager : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, ModelSlot> _models = new(StringComparer.Ordinal);
    private readonly ServableLoader _loader;
    private readonly PredictionCache? _cache;
    private readonly LoaderThreads _threads;
    private readonly RunWorkers _workers;
    private readonly ServingMetrics _metrics;
    private readonly ServingOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HashSet<ServableId>? _settlingAtStart;
    private bool _disposed;
    private int _loading;
    private int _inMemory;

    // Before every repository was read nobody knows which models there are.
    private volatile bool _isRead;

    /// <summary>A manager without models; they come with <see cref="Apply"/>.</summary>
    public ServableManager(
        ArtifactCache artifacts, IModelRuntime runtime, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILogger<ServableManager> logger,
        PredictionCache? cache = null)
    {
        _workers = new RunWorkers(options.Workers);
        _loader = new ServableLoader(artifacts, runtime, metrics, options, time, logger, cache, _workers);
        _cache = cache;
        _threads = new LoaderThreads(options.LoadParallelism);
        _metrics = metrics;
        _options = options;
        _time = time;
        _logger = logger;
        metrics.ModelMemoryBudget.Set(options.MemoryBudget);
    }

    /// <summary>Every repository was read, and every version that lay there at the first reading is Ready, Failed or not wanted.</summary>
    public bool IsInitialized { get; private set; }

    /// <summary>Servables in memory, draining ones included; for tests and diagnostics.</summary>
    public int ServablesInMemory => Volatile.Read(ref _inMemory);

    /// <summary>The model as it is now, or null. Cheap: one look-up.</summary>
    public ModelView? Find(string model) => _models.TryGetValue(model, out ModelSlot? slot) ? slot.View : null;

    /// <summary>There is a model, ready or not.</summary>
    public bool HasModels => !_models.IsEmpty;

    /// <summary>The name of the model where there is exactly one, ready or not; null otherwise. Cheap: looks at two at most.</summary>
    public string? SoleModel
    {
        get
        {
            string? sole = null;
            foreach (KeyValuePair<string, ModelSlot> model in _models)
            {
                if (sole is not null)
                {
                    return null;
                }

                sole = model.Key;
            }

            return sole;
        }
    }

    /// <summary>All models as they are now.</summary>
    public RepositoryView Snapshot() => new(_models.Values.Select(slot => slot.View));

    /// <summary>Borrows the version that a caller asks for, if it is in memory.</summary>
    /// <param name="spec">Model, and version, label or neither.</param>
    /// <param name="mayName">Which model names the error may suggest; null for all.</param>
    /// <param name="handle">To be disposed when the answer is written.</param>
    /// <param name="error">Unknown model, unknown version, or not ready.</param>
    public bool TryAcquire(
        in ModelSpec spec, Func<string, bool>? mayName, [NotNullWhen(true)] out ServableHandle? handle, [NotNullWhen(false)] out PredictError? error)
    {
        while (true)
        {
            handle = null;
            VersionView? version = Resolve(spec, mayName, out error);
            if (error is not null)
            {
                return false;
            }

            if (version!.Servable is not { } servable)
            {
                error = VersionResolver.NotReady(version);
                return false;
            }

            handle = servable.TryAcquire();
            if (handle is not null)
            {
                return true;
            }

            // It was replaced between the look-up and the grip; the view is newer now.
        }
    }

    /// <summary>
    /// The version that <see cref="TryAcquire"/> would lend, or null; for its counters and its cache alone, since nothing keeps it loaded.
    /// </summary>
    /// <param name="spec">Model, and version, label or neither.</param>
    /// <param name="now">A timestamp of <see cref="Stopwatch"/>, at which it is used; the caller has one, and reading the clock is a part of what a remembered answer costs.</param>
    public Servable? Peek(in ModelSpec spec, long now)
    {
        Servable? servable = _models.TryGetValue(spec.Model, out ModelSlot? slot) ? VersionResolver.Resolve(slot.View, spec, out _)?.Servable : null;
        servable?.Touch(now);
        return servable;
    }

    /// <summary>What <see cref="AcquireAsync"/> would refuse with, or null where it gives a handle now or once the version is loaded; takes no handle.</summary>
    public PredictError? Check(in ModelSpec spec, Func<string, bool>? mayName)
    {
        Resolve(spec, mayName, out PredictError? error);
        return error;
    }

    /// <summary>Completes at the next change of any version's state; take it before looking, so that no change is missed.</summary>
    public Task NextChange()
    {
        lock (_gate)
        {
            return _changed.Task;
        }
    }

    /// <summary>Completes once <see cref="IsInitialized"/> holds.</summary>
    public async Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        while (!IsInitialized)
        {
            Task changed = NextChange();
            if (!IsInitialized)
            {
                await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes in what the repositories hold and starts what follows from it.</summary>
    public void Apply(RepositoryListing listing)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            foreach (ModelListing model in listing.Models.Values)
            {
                Take(model);
            }

            foreach ((string model, string reason) in listing.Conflicts)
            {
                TakeConflict(model, reason);
            }

            foreach (ModelSlot gone in _models.Values.Where(slot => !listing.Models.ContainsKey(slot.Name) && !listing.Conflicts.ContainsKey(slot.Name)).ToList())
            {
                gone.IsListed = false;
                gone.Conflict = null;
                ForgetFiles(gone, []);
            }

            foreach (ModelSlot slot in _models.Values.ToList())
            {
                Advance(slot);
            }

            if (listing.IsComplete)
            {
                NoteSettling(listing);
                _isRead = true;
            }

            Pulse();
        }
    }

    /// <summary>Loads a model anew even if nothing changed, and takes back an unload.</summary>
    /// <param name="model">Its name; must be known from a scan.</param>
    /// <param name="configText">A configuration in place of the file's, or null.</param>
    /// <returns>The faults of <paramref name="configText"/>, or null.</returns>
    public string? RequestLoad(string model, string? configText)
    {
        lock (_gate)
        {
            // In a conflict nobody knows which files are asked for.
            if (!_models.TryGetValue(model, out ModelSlot? slot) || slot.Conflict is not null)
            {
                return null;
            }

            if (configText is not null && ReadConfig(configText, out _) is { } faults)
            {
                return faults;
            }

            if (configText is not null || slot.IsConfigRead)
            {
                ApplyConfig(slot, configText ?? slot.ConfigText);
            }

            slot.UnloadedByOperator = false;
            foreach (VersionSlot version in slot.Versions.Values)
            {
                version.RetryAt = default;
                version.Failures = 0;
                version.IsAsleep = false;
                version.IsRequested = true;

                // A load under way of these very files with these very settings is the one that is asked for.
                if (version.Loading is null || version.LoadingKey != slot.KeyOf(version))
                {
                    version.Generation++;
                }
            }

            Advance(slot);
            Pulse();
            return null;
        }
    }

    /// <summary>Drains a model and keeps it out until the next <see cref="RequestLoad"/>.</summary>
    public void RequestUnload(string model)
    {
        lock (_gate)
        {
            if (_models.TryGetValue(model, out ModelSlot? slot))
            {
                slot.UnloadedByOperator = true;
                foreach (VersionSlot version in slot.Versions.Values)
                {
                    version.Loading?.Cancel();
                }

                Advance(slot);
                Pulse();
            }
        }
    }

    /// <summary>Calls off all loads and lets go of every servable; those still in use are disposed by their last handle.</summary>
    public void Dispose()
    {
        List<Servable> held = [];
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _pending.Clear();
            foreach (VersionSlot version in _models.Values.SelectMany(slot => slot.Versions.Values))
            {
                version.Loading?.Cancel();
                version.Retry?.Dispose();
                if (version.Ready is not null)
                {
                    held.Add(StartDrain(version));
                }
            }

            foreach (ModelSlot slot in _models.Values)
            {
                slot.Publish();
            }

            Pulse();
        }

        _threads.Dispose();
        held.ForEach(servable => servable.Retire());
        _workers.Dispose();
    }

    private VersionView? Resolve(in ModelSpec spec, Func<string, bool>? mayName, out PredictError? error)
    {
        if (!_models.TryGetValue(spec.Model, out ModelSlot? slot))
        {
            if (!_isRead)
            {
                error = new PredictError(PredictErrorKind.NotReady, "Not every model repository has been read yet.") { RetryAfter = VersionResolver.RetryAfter };
                return null;
            }

            error = Unknown(spec.Model, mayName);
            return null;
        }

        return VersionResolver.Resolve(slot.View, spec, out error);
    }

    // Apart, since what its lambda captures would be made for every request that finds its model.
    private PredictError Unknown(string model, Func<string, bool>? mayName)
    {
        IEnumerable<string> names = _models.Keys.Where(name => mayName?.Invoke(name) != false).Order(StringComparer.Ordinal);
        return new PredictError(PredictErrorKind.UnknownModel, $"There is no model '{NameSuggestion.Shorten(model)}'.{NameSuggestion.For(model, names)}");
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.VersionReady, Level = LogLevel.Information, Message = "{Model}/{Version} is ready after {Seconds:0.000} s")]
        public static partial void VersionReady(ILogger logger, string model, long version, double seconds);

        [LoggerMessage(EventId = EventIds.VersionFailed, Level = LogLevel.Error, Message = "{Model}/{Version} failed to load: {Reason}")]
        public static partial void VersionFailed(ILogger logger, string model, long version, string reason);

        [LoggerMessage(EventId = EventIds.VersionRetried, Level = LogLevel.Warning, Message = "{Model}/{Version} could not be loaded now and will be tried again: {Reason}")]
        public static partial void VersionRetried(ILogger logger, string model, long version, string reason);

        [LoggerMessage(EventId = EventIds.VersionDraining, Level = LogLevel.Information, Message = "{Model}/{Version} drains")]
        public static partial void VersionDraining(ILogger logger, string model, long version);

        [LoggerMessage(EventId = EventIds.VersionUnloaded, Level = LogLevel.Information, Message = "{Model}/{Version} left the memory")]
        public static partial void VersionUnloaded(ILogger logger, string model, long version);

        [LoggerMessage(EventId = EventIds.VersionEvicted, Level = LogLevel.Information, Message = "{Model}/{Version} leaves the memory ({Bytes} bytes by estimate) for others and comes back when it is asked for")]
        public static partial void VersionEvicted(ILogger logger, string model, long version, long bytes);

        [LoggerMessage(EventId = EventIds.MemoryOverBudget, Level = LogLevel.Warning, Message = "{Model}/{Version} takes {Bytes} bytes by estimate, for which the budget of {Budget} has no room, and nothing is left that could go: it is loaded all the same. Give the models more memory (Gateway:Memory:BudgetBytes)")]
        public static partial void MemoryOverBudget(ILogger logger, string model, long version, long bytes, long budget);

        [LoggerMessage(EventId = EventIds.ConfigFaulty, Level = LogLevel.Error, Message = "model.yaml of {Model} is faulty, the last good one stays in force: {Faults}")]
        public static partial void ConfigFaulty(ILogger logger, string model, string faults);
    }
}
