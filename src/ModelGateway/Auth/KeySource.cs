namespace ModelGateway.Auth;

/// <summary>Where the trusted keys come from.</summary>
internal abstract class KeySource
{
    /// <summary>The keys as they are now; null while they were never read.</summary>
    public abstract TrustedKeys? Current { get; }

    /// <summary>Asked when a token names a key that <paramref name="seen"/> lacks: reads the keys again if that may help.</summary>
    /// <returns>Whether there are other keys now than <paramref name="seen"/>.</returns>
    public virtual Task<bool> RefreshAsync(TrustedKeys? seen, CancellationToken cancellationToken) => Task.FromResult(false);

    /// <summary>Keeps the keys fresh until the host stops.</summary>
    public virtual Task RunAsync(CancellationToken stopping) => Task.CompletedTask;
}
