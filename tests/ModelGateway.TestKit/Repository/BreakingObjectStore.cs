using ModelGateway.Serving.Repository;

namespace ModelGateway.TestKit.Repository;

/// <summary>A store whose transfers break off, and whose bytes are damaged, where the test says so.</summary>
public sealed class BreakingObjectStore(IObjectStore inner) : IObjectStore
{
    private int _copies;
    private int _underWay;
    private int _finding;
    private int _mostFinds;
    private int _mostUnderWay;
    private long _bytes;

    /// <summary>From the number of the copy (1, 2, ...) to the bytes after which it breaks off; null for never.</summary>
    public Func<int, long?> BreakAfter { get; set; } = static _ => null;

    /// <summary>From the number of the copy to whether a byte of it is damaged.</summary>
    public Func<int, bool> IsDamaged { get; set; } = static _ => false;

    /// <summary>Which byte of a copy is damaged; the first, unless the test says another.</summary>
    public int DamagedByte { get; set; }

    /// <summary>The most look-ups of single objects that were under way at a time.</summary>
    public int MostFinds => Volatile.Read(ref _mostFinds);

    /// <summary>Runs within every look-up of a single object.</summary>
    public Func<Task> OnFind { get; set; } = static () => Task.CompletedTask;

    /// <summary>Runs within every copy, before its bytes.</summary>
    public Func<Task> OnCopy { get; set; } = static () => Task.CompletedTask;

    /// <summary>What <see cref="FindAsync"/> adds to an object.</summary>
    public ObjectChecksum? Checksum { get; set; }

    /// <summary>Copies begun so far.</summary>
    public int Copies => Volatile.Read(ref _copies);

    /// <summary>The most copies that were under way at a time.</summary>
    public int MostUnderWay => Volatile.Read(ref _mostUnderWay);

    /// <summary>Bytes that were delivered.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <inheritdoc/>
    public string Location => inner.Location;

    /// <inheritdoc/>
    public bool SupportsRanges { get; set; } = true;

    /// <inheritdoc/>
    public Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken) => inner.ListAsync(unlessMarker, cancellationToken);

    /// <inheritdoc/>
    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        Enter(ref _finding, ref _mostFinds);
        try
        {
            await OnFind();
            return await inner.FindAsync(key, cancellationToken) is { } found ? found with { Checksum = Checksum } : null;
        }
        finally
        {
            Interlocked.Decrement(ref _finding);
        }
    }

    /// <inheritdoc/>
    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        int copy = Interlocked.Increment(ref _copies);
        Enter(ref _underWay, ref _mostUnderWay);
        try
        {
            await OnCopy();
            using var whole = new MemoryStream();
            await inner.CopyRangeAsync(source, offset, count, whole, cancellationToken);
            byte[] bytes = whole.ToArray();
            if (bytes.Length > DamagedByte && IsDamaged(copy))
            {
                bytes[DamagedByte] ^= 1;
            }

            long delivered = Math.Min(BreakAfter(copy) ?? long.MaxValue, bytes.Length);
            await destination.WriteAsync(bytes.AsMemory(0, (int)delivered), cancellationToken);
            Interlocked.Add(ref _bytes, delivered);
            if (delivered < bytes.Length)
            {
                throw new IOException("The connection was cut.");
            }
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private static void Enter(ref int count, ref int most)
    {
        int now = Interlocked.Increment(ref count);
        for (int seen = Volatile.Read(ref most); now > seen && Interlocked.CompareExchange(ref most, now, seen) != seen; seen = Volatile.Read(ref most))
        {
        }
    }
}
