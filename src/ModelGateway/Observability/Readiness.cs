using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Observability;

/// <summary>Whether requests are welcome: after the first models are loaded and until the process is asked to stop.</summary>
internal sealed class Readiness(ServableManager manager, RepositoryWatcher watcher, IHostApplicationLifetime lifetime)
{
    /// <summary>Why requests are not welcome, or null.</summary>
    public string? WhyNot() =>
        lifetime.ApplicationStopping.IsCancellationRequested ? "The server is stopping."
        : manager.IsInitialized ? null
        : watcher.Problem is { } problem ? $"The model repository cannot be read: {problem}"
        : "The models are being loaded.";
}
