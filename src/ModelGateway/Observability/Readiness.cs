using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Observability;

/// <summary>Whether requests are welcome: after the first models are loaded and until the process is asked to stop.</summary>
internal sealed class Readiness(ServableManager manager, RepositoryWatcher watcher, PredictionCache cache, IHostApplicationLifetime lifetime)
{
    /// <summary>Why requests are not welcome, or null.</summary>
    public string? WhyNot() =>
        lifetime.ApplicationStopping.IsCancellationRequested ? "The server is stopping."
        : manager.IsInitialized ? null
        : Describe(watcher.Repositories.Where(repository => !repository.IsKnown)) ?? "The models are being loaded.";

    /// <summary>What does not work now though requests are welcome: repositories that cannot be read, a cache store that does not answer. Null where all is well.</summary>
    public string? Concern()
    {
        string? repositories = Describe(watcher.Repositories) is { } unreadable ? $"{unreadable} What was loaded goes on answering." : null;
        string? store = cache.Shared is { Problem: { } problem } shared ? $"The shared cache {shared.Name} fails ({problem}). Predictions go on without it." : null;
        return repositories is null || store is null ? repositories ?? store : $"{repositories} {store}";
    }

    private static string? Describe(IEnumerable<WatchedRepository> repositories)
    {
        List<string> unreadable = [.. repositories
            .Where(repository => repository.Problem is not null)
            .Select(repository => $"The model repository {repository.Location} cannot be read: {repository.Problem}")];
        return unreadable.Count == 0 ? null : string.Join(" ", unreadable);
    }
}
