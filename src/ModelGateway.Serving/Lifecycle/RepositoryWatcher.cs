using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// Scans each repository at start, at its interval and on demand, and hands what they hold together to the manager.
/// </summary>
/// <remarks>
/// Each repository has a loop of its own, so that one that is slow or away holds up no other. <c>_publish</c> orders the merges: the last
/// one that reaches the manager is made of the last listings. A repository that cannot be read changes nothing: its last good listing
/// stands, and what is loaded goes on answering.
/// </remarks>
public sealed partial class RepositoryWatcher : BackgroundService
{
    // Between two looks that were asked for.
    private static readonly TimeSpan WakeGap = TimeSpan.FromMilliseconds(500);
    private readonly ServableManager _manager;
    private readonly ServingMetrics _metrics;
    private readonly ServingOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _publish = new();
    private readonly HashSet<string> _conflicts = new(StringComparer.Ordinal);
    private bool _isBegun;

    /// <summary>A watcher that begins when it is started; scans on demand need no start.</summary>
    public RepositoryWatcher(
        IReadOnlyList<WatchedRepository> repositories, ServableManager manager, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILogger<RepositoryWatcher> logger)
    {
        Repositories = repositories;
        _manager = manager;
        _metrics = metrics;
        _options = options;
        _time = time;
        _logger = logger;
        foreach (WatchedRepository repository in repositories)
        {
            metrics.RepositoryPollInterval.WithLabels(repository.Location).Set(repository.Schedule.Interval.TotalSeconds);
        }
    }

    /// <summary>What is watched, in the order of the configuration.</summary>
    public IReadOnlyList<WatchedRepository> Repositories { get; }

    /// <summary>Why repositories could not be read at their last look, each by its name; null where all could.</summary>
    public string? Problem => ProblemOf(Repositories);

    /// <summary>Why the repositories that may hold a model could not be read at their last look; null where all could.</summary>
    public string? ProblemFor(string model) => ProblemOf(HoldersOf(model));

    /// <summary>
    /// Scans now: all repositories, or those that hold the trusted model, and where none is known to, those that may. Afterwards the manager
    /// knows what they hold; loading goes on behind.
    /// </summary>
    /// <param name="trusted">A model whose files need not settle, or null.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public Task ScanAsync(string? trusted, CancellationToken cancellationToken) =>
        Task.WhenAll((trusted is null ? Repositories : HoldersOf(trusted)).Select(repository => ScanAsync(repository, trusted, cancellationToken)));

    /// <summary>
    /// Loads a model now, even if its files have not changed or not settled, and waits until each wanted version is Ready or Failed.
    /// </summary>
    /// <param name="model">The model's name.</param>
    /// <param name="configText">A configuration in place of the one in the repository, or null.</param>
    /// <param name="cancellationToken">Gives up waiting; the load goes on.</param>
    /// <returns>Null, or why the model does not answer as asked.</returns>
    public async Task<string?> LoadAsync(string model, string? configText, CancellationToken cancellationToken)
    {
        await ScanAsync(model, cancellationToken);
        if (ProblemFor(model) is { } problem && _manager.Find(model) is null)
        {
            return problem;
        }

        if (_manager.RequestLoad(model, configText) is { } faults)
        {
            return $"The configuration is faulty: {faults}";
        }

        while (true)
        {
            Task changed = _manager.NextChange();
            ModelView? view = _manager.Find(model);
            if (view is null || !view.IsBusy)
            {
                return view is null ? $"There is no model '{NameSuggestion.Shorten(model)}' in the repository." : ReasonOf(view);
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    // A version that failed, or was to be loaded anew and failed, was wanted: the others lost that state with the request.
    private static string? ReasonOf(ModelView view)
    {
        VersionView? failed = view.Versions.LastOrDefault(version => version is { State: ServableState.Failed } or { State: ServableState.Ready, Reason: not null });
        return failed?.Reason ?? view.Reason
            ?? (view.Default is not null ? null : view.Newest?.Reason ?? "The model has no version that can be loaded.");
    }

    /// <summary>Drains a model, keeps it out of memory until it is loaded by request, and waits until its memory is free.</summary>
    public async Task UnloadAsync(string model, CancellationToken cancellationToken)
    {
        _manager.RequestUnload(model);
        while (true)
        {
            Task changed = _manager.NextChange();
            if (_manager.Find(model) is not { } view
                || view.Versions.All(version => version.State is ServableState.Unloaded or ServableState.Discovered or ServableState.Failed))
            {
                return;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (WatchedRepository repository in Repositories)
        {
            repository.Dispose();
        }

        base.Dispose();
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Repositories.Select(repository => WatchAsync(repository, stoppingToken)));

    [SuppressMessage("Design", "CA1031", Justification = "The watcher outlives whatever a scan runs into; it is logged and counted.")]
    private async Task WatchAsync(WatchedRepository repository, CancellationToken stoppingToken)
    {
        // The listing of a folder is synchronous: not on the thread that starts the host.
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            Task wake = repository.NextWake();
            long began = _time.GetTimestamp();
            try
            {
                await ScanAsync(repository, null, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.WatcherFailed(_logger, repository.Location, exception);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await PauseAsync(repository, wake, began, stoppingToken);
        }
    }

    private async Task PauseAsync(WatchedRepository repository, Task wake, long began, CancellationToken stoppingToken)
    {
        // What settles is looked at again as soon as it can have settled, and a text that could not be read like a load that failed.
        bool settles = repository.Listing?.Models.Values.Any(model => model.Versions.Any(version => version.IsSettling)) == true;
        TimeSpan pause = repository.Schedule.Next(settles ? _options.SettleTime : repository.Schedule.UnreadPause(repository.Listing?.HasUnreadTexts == true, _options.RetryDelay));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        await Task.WhenAny(Task.Delay(pause, _time, end.Token), wake);
        await end.CancelAsync();

        // However many events come, a store is not listed without a pause.
        TimeSpan early = WakeGap - _time.GetElapsedTime(began);
        if (early > TimeSpan.Zero && pause > early && !stoppingToken.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(early, _time, stoppingToken));
        }
    }

    private async Task ScanAsync(WatchedRepository repository, string? trusted, CancellationToken cancellationToken)
    {
        await repository.Gate.WaitAsync(cancellationToken);

        // A look at a folder asks nobody, and comes every other second.
        using Activity? span = repository.Models.Store is FileObjectStore ? null : ServingActivities.StartScan(repository.Location);
        try
        {
            repository.Listing = await repository.Models.ScanAsync(trusted, cancellationToken);
            ReportRead(repository);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            span.SetFailure(exception);
            await FailAsync(repository, exception.Message, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            span.SetFailure(exception);
            await FailAsync(repository, $"{exception.GetType().Name}: {exception.Message}", cancellationToken);
            throw;
        }
        finally
        {
            // Also where nothing is new: loads that failed are tried again from here.
            try
            {
                repository.Looks++;
                Publish(repository);
            }
            finally
            {
                repository.Gate.Release();
            }
        }
    }

    private async Task FailAsync(WatchedRepository repository, string reason, CancellationToken cancellationToken)
    {
        repository.Problem = reason;
        repository.Schedule.Failed();
        _metrics.RepositoryScans.WithLabels(repository.Location, "error").Inc();
        _metrics.RepositoryUnreadable.WithLabels(repository.Location).Set(1);
        if (!repository.IsReportedUnreadable)
        {
            repository.IsReportedUnreadable = true;
            Log.RepositoryUnreadable(_logger, repository.Location, reason);
        }

        if (repository is { Listing: null, IsRecalled: false })
        {
            repository.IsRecalled = true;
            repository.Listing = await repository.Models.RecallAsync(cancellationToken);
            if (repository.Listing is { } recalled)
            {
                Log.JournalRecalled(_logger, repository.Location, recalled.Models.Count);
            }
        }
    }

    private void ReportRead(WatchedRepository repository)
    {
        repository.Problem = null;
        repository.Schedule.Succeeded();
        _metrics.RepositoryScans.WithLabels(repository.Location, repository.Models.WasUnchanged ? "unchanged" : "success").Inc();
        _metrics.RepositoryUnreadable.WithLabels(repository.Location).Set(0);
        _metrics.RepositoryLastScan.WithLabels(repository.Location).Set(_time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        if (repository.IsReportedUnreadable)
        {
            repository.IsReportedUnreadable = false;
            Log.RepositoryReadable(_logger, repository.Location);
        }

        repository.Reported.IntersectWith(repository.Listing!.Problems);
        foreach (string problem in repository.Listing.Problems.Where(repository.Reported.Add))
        {
            Log.NamePassedOver(_logger, repository.Location, problem);
        }
    }

    private void Publish(WatchedRepository looked)
    {
        lock (_publish)
        {
            // The first look at each is waited for, or the fastest would decide whose model answers where two offer the same name; yet no
            // longer than until one is looked at again.
            _isBegun = _isBegun || looked.Looks > 1 || Repositories.All(repository => repository.Looks > 0);
            if (_isBegun && Repositories.Any(repository => repository.IsKnown))
            {
                RepositoryListing merged = RepositoryMerge.Merge([.. Repositories.Select(repository => (repository.Name, repository.Listing))]);
                _manager.Apply(merged);
                ReportConflicts(merged);
            }
        }
    }

    private void ReportConflicts(RepositoryListing merged)
    {
        _metrics.RepositoryConflicts.Set(merged.Conflicts.Count);
        foreach ((string model, string reason) in merged.Conflicts.Where(conflict => _conflicts.Add(conflict.Key)))
        {
            Log.NameConflict(_logger, model, reason);
        }

        foreach (string model in _conflicts.Where(model => !merged.Conflicts.ContainsKey(model)).ToList())
        {
            _conflicts.Remove(model);
            Log.NameConflictOver(_logger, model);
        }
    }

    // Where it is known which repositories have the model, the others need not be waited for.
    private List<WatchedRepository> HoldersOf(string model)
    {
        List<WatchedRepository> holders = [.. Repositories.Where(repository => repository.Listing?.Models.ContainsKey(model) == true)];
        return holders.Count > 0 ? holders : [.. Repositories.Where(repository => repository.MayHold(model))];
    }

    private string? ProblemOf(IReadOnlyCollection<WatchedRepository> repositories)
    {
        List<string> problems = [.. repositories
            .Where(repository => repository.Problem is not null)
            .Select(repository => Repositories.Count == 1 ? repository.Problem! : $"{repository.Location}: {repository.Problem}")];
        return problems.Count == 0 ? null : string.Join(" ", problems);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RepositoryUnreadable, Level = LogLevel.Error, Message = "The repository {Location} cannot be read, what is loaded goes on answering: {Reason}")]
        public static partial void RepositoryUnreadable(ILogger logger, string location, string reason);

        [LoggerMessage(EventId = EventIds.RepositoryReadable, Level = LogLevel.Information, Message = "The repository {Location} can be read again")]
        public static partial void RepositoryReadable(ILogger logger, string location);

        [LoggerMessage(EventId = EventIds.JournalRecalled, Level = LogLevel.Warning, Message = "The repository {Location} could not be read at the start: its {Models} models are served as they were last seen")]
        public static partial void JournalRecalled(ILogger logger, string location, int models);

        [LoggerMessage(EventId = EventIds.NamePassedOver, Level = LogLevel.Warning, Message = "{Location}: {Problem}")]
        public static partial void NamePassedOver(ILogger logger, string location, string problem);

        [LoggerMessage(EventId = EventIds.NameConflict, Level = LogLevel.Error, Message = "{Model} has two sources. {Reason}")]
        public static partial void NameConflict(ILogger logger, string model, string reason);

        [LoggerMessage(EventId = EventIds.NameConflictOver, Level = LogLevel.Information, Message = "{Model} has one source again")]
        public static partial void NameConflictOver(ILogger logger, string model);

        [LoggerMessage(EventId = EventIds.WatcherFailed, Level = LogLevel.Error, Message = "A scan of the repository {Location} failed")]
        public static partial void WatcherFailed(ILogger logger, string location, Exception exception);
    }
}
