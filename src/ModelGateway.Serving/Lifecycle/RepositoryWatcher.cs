using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Scans the repository at start, at every interval and on demand, and hands what it finds to the manager.</summary>
/// <remarks>One scan at a time (<c>_scan</c>). A repository that cannot be read changes nothing: what is loaded goes on answering.</remarks>
public sealed partial class RepositoryWatcher(
    ModelRepository repository, ServableManager manager, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILogger<RepositoryWatcher> logger)
    : BackgroundService
{
    private readonly SemaphoreSlim _scan = new(1, 1);
    private readonly HashSet<string> _reported = new(StringComparer.Ordinal);
    private bool _unreadable;
    private volatile bool _settling;

    /// <summary>Why the repository could not be read at the last scan, or null.</summary>
    public string? Problem { get; private set; }

    /// <summary>Scans now. Afterwards the manager knows what the repository holds; loading goes on behind.</summary>
    /// <param name="trusted">A model whose files need not settle, or null.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async Task ScanAsync(string? trusted, CancellationToken cancellationToken)
    {
        await _scan.WaitAsync(cancellationToken);
        try
        {
            RepositoryListing listing = await repository.ScanAsync(trusted, cancellationToken);
            manager.Apply(listing);
            _settling = listing.Models.Values.Any(model => model.Versions.Any(version => version.IsSettling));
            Report(listing);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            ReportUnreadable(exception);
        }
        finally
        {
            _scan.Release();
        }
    }

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
        if (Problem is { } problem && manager.Find(model) is null)
        {
            return problem;
        }

        if (manager.RequestLoad(model, configText) is { } faults)
        {
            return $"The configuration is faulty: {faults}";
        }

        while (true)
        {
            Task changed = manager.NextChange();
            ModelView? view = manager.Find(model);
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
        manager.RequestUnload(model);
        while (true)
        {
            Task changed = manager.NextChange();
            if (manager.Find(model) is not { } view
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
        _scan.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    [SuppressMessage("Design", "CA1031", Justification = "The watcher outlives whatever a scan runs into; it is logged and counted.")]
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The listing of a folder is synchronous: not on the thread that starts the host.
        await Task.Yield();
        try
        {
            while (true)
            {
                try
                {
                    await ScanAsync(null, stoppingToken);
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    metrics.RepositoryScans.WithLabels("error").Inc();
                    Log.WatcherFailed(logger, exception);
                }

                // What settles is looked at again as soon as it can have settled.
                TimeSpan pause = _settling && options.SettleTime < options.PollInterval ? options.SettleTime : options.PollInterval;
                await Task.Delay(pause, time, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private void Report(RepositoryListing listing)
    {
        metrics.RepositoryScans.WithLabels("success").Inc();
        metrics.RepositoryLastScan.Set(time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        Problem = null;
        if (_unreadable)
        {
            _unreadable = false;
            Log.RepositoryReadable(logger, repository.Store.Location);
        }

        foreach (string problem in listing.Problems.Where(_reported.Add))
        {
            Log.NamePassedOver(logger, problem);
        }
    }

    private void ReportUnreadable(Exception exception)
    {
        metrics.RepositoryScans.WithLabels("error").Inc();
        Problem = exception.Message;
        if (!_unreadable)
        {
            _unreadable = true;
            Log.RepositoryUnreadable(logger, repository.Store.Location, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RepositoryUnreadable, Level = LogLevel.Error, Message = "The repository {Location} cannot be read, what is loaded goes on answering: {Reason}")]
        public static partial void RepositoryUnreadable(ILogger logger, string location, string reason);

        [LoggerMessage(EventId = EventIds.RepositoryReadable, Level = LogLevel.Information, Message = "The repository {Location} can be read again")]
        public static partial void RepositoryReadable(ILogger logger, string location);

        [LoggerMessage(EventId = EventIds.NamePassedOver, Level = LogLevel.Warning, Message = "{Problem}")]
        public static partial void NamePassedOver(ILogger logger, string problem);

        [LoggerMessage(EventId = EventIds.WatcherFailed, Level = LogLevel.Error, Message = "A scan of the repository failed")]
        public static partial void WatcherFailed(ILogger logger, Exception exception);
    }
}
