namespace ModelGateway.Serving.Caching;

/// <summary>
/// What every key of one loaded version has in common: model, version, artifact, settings and the epochs of both. Compared by reference: a
/// purge makes a new one, and whatever was kept under the old one is out of reach.
/// </summary>
/// <param name="hash">SHA-256 of it; 32 bytes.</param>
/// <param name="isShared">Whether its epochs are those of the shared store: until they are known, nothing of it is asked for or put there.</param>
public sealed class CacheScope(byte[] hash, bool isShared)
{
    /// <summary>A random number, so that hashes of the same bytes under two scopes differ.</summary>
    public long Salt { get; } = Random.Shared.NextInt64();

    internal byte[] Hash { get; } = hash;

    internal bool IsShared { get; } = isShared;
}
