using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Observability;

/// <summary>Whether requests are welcome: after the first models are loaded and until the process is asked to stop.</summary>
internal sealed class Readiness(ServableManager manager, RepositoryWatcher watcher, IHostApplicationLifetime lifetime)
{
    /// <summary>Why requests are not welcome, or null.</summary>
    public string? WhyNot() =>
        lifetime.ApplicationStopping.IsCancellationRequested ? "The server is stopping."
        : manager.IsInitialized ? null
        : Describe(watcher.Repositories.Where(repository => !repository.IsKnown)) ?? "The models are being loaded.";

    /// <summary>Which repositories cannot be read now, though requests are welcome; null where all can.</summary>
    public string? Concern() => Describe(watcher.Repositories) is { } unreadable ? $"{unreadable} What was loaded goes on answering." : null;

    private static string? Describe(IEnumerable<WatchedRepository> repositories)
    {
        List<string> unreadable = [.. repositories
            .Where(repository => repository.Problem is not null)
            .Select(repository => $"The model repository {repository.Location} cannot be read: {repository.Problem}")];
        return unreadable.Count == 0 ? null : string.Join(" ", unreadable);
    }
}
