namespace ModelGateway.Serving.Repository;

/// <summary>Keeps one file of the cache from being removed by this process until it is disposed.</summary>
internal sealed class BlobPin(string sha256, Action<string> unpin) : IDisposable
{
    private int _disposed;

    /// <summary>SHA-256 of the content, lower-case hexadecimal.</summary>
    public string Sha256 { get; } = sha256;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            unpin(Sha256);
        }
    }
}
