using ModelGateway.Serving.Repository;

namespace ModelGateway.TestKit.Repository;

/// <summary>A store that first does what the test says, which may be to fail or to wait, and then its work.</summary>
public sealed class HookedObjectStore(IObjectStore inner) : IObjectStore
{
    private int _copies;

    /// <summary>Runs before every listing.</summary>
    public Func<CancellationToken, Task> OnList { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Runs before every look for one object.</summary>
    public Func<string, CancellationToken, Task> OnFind { get; set; } = static (_, _) => Task.CompletedTask;

    /// <summary>Runs before every copy.</summary>
    public Func<StoredObject, CancellationToken, Task> OnCopy { get; set; } = static (_, _) => Task.CompletedTask;

    /// <summary>Copies begun so far.</summary>
    public int Copies => Volatile.Read(ref _copies);

    /// <inheritdoc/>
    public string Location => inner.Location;

    /// <inheritdoc/>
    public bool SupportsRanges => inner.SupportsRanges;

    /// <inheritdoc/>
    public bool MustSettle { get; set; } = inner.MustSettle;

    /// <inheritdoc/>
    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        await OnList(cancellationToken);
        return await inner.ListAsync(unlessMarker, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        await OnFind(key, cancellationToken);
        return await inner.FindAsync(key, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _copies);
        await OnCopy(source, cancellationToken);
        await inner.CopyRangeAsync(source, offset, count, destination, cancellationToken);
    }
}
