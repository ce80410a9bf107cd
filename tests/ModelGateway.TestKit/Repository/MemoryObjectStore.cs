using System.Collections.Concurrent;
using System.Globalization;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;

namespace ModelGateway.TestKit.Repository;

/// <summary>
/// Objects in memory, as a bucket has them, in a store that counts what it is asked for and fails when the test says so. With a marker an
/// unchanged store answers a listing with one small request, as one with an index does.
/// </summary>
public sealed class MemoryObjectStore(string location, bool hasMarker = false) : IObjectStore
{
    private readonly ConcurrentDictionary<string, (byte[] Content, StoredObject Object)> _objects = new(StringComparer.Ordinal);
    private int _writes;
    private int _lists;
    private int _unchanged;
    private int _copies;

    /// <inheritdoc/>
    public string Location => location;

    /// <inheritdoc/>
    public bool SupportsRanges => true;

    /// <summary>Where requests are counted besides here; null for nowhere.</summary>
    public StoreTraffic? Traffic { get; set; }

    /// <summary>Thrown by everything while it is set: the store is away.</summary>
    public Exception? Failure { get; set; }

    /// <summary>An object that cannot be copied while this names it.</summary>
    public string? UnreadableKey { get; set; }

    /// <summary>From a key and its content to what a copy delivers instead, of the same length: damage on the way.</summary>
    public Func<string, byte[], byte[]> OnTheWay { get; set; } = static (_, content) => content;

    /// <summary>Runs before every listing.</summary>
    public Func<CancellationToken, Task> OnList { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Listings asked for, those that failed or found nothing new included.</summary>
    public int Lists => Volatile.Read(ref _lists);

    /// <summary>Listings that were answered by the marker alone.</summary>
    public int Unchanged => Volatile.Read(ref _unchanged);

    /// <summary>Copies asked for.</summary>
    public int Copies => Volatile.Read(ref _copies);

    /// <summary>Writes an object, changed long ago unless told otherwise, so that it need not settle at the start.</summary>
    public void Put(string key, byte[] content, DateTimeOffset? lastModified = null)
    {
        int write = Interlocked.Increment(ref _writes);
        _objects[key] = (content, new StoredObject(key, content.Length, write.ToString(CultureInfo.InvariantCulture), lastModified ?? DateTimeOffset.UnixEpoch));
    }

    /// <summary>Removes an object.</summary>
    public void Remove(string key)
    {
        Interlocked.Increment(ref _writes);
        _objects.TryRemove(key, out _);
    }

    /// <inheritdoc/>
    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _lists);
        await OnList(cancellationToken);
        ThrowIfAway("list");
        string? marker = hasMarker ? Volatile.Read(ref _writes).ToString(CultureInfo.InvariantCulture) : null;
        if (marker is not null && marker == unlessMarker)
        {
            Interlocked.Increment(ref _unchanged);
            Traffic?.Count("head", "unchanged");
            return null;
        }

        Traffic?.Count("list", "success");
        return new ObjectListing([.. _objects.Values.Select(item => item.Object)], marker);
    }

    /// <inheritdoc/>
    public Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        ThrowIfAway("head");
        Traffic?.Count("head", "success");
        return Task.FromResult(_objects.TryGetValue(key, out (byte[] Content, StoredObject Object) found) ? found.Object : (StoredObject?)null);
    }

    /// <inheritdoc/>
    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _copies);
        ThrowIfAway("get");
        if (source.Key == UnreadableKey)
        {
            Traffic?.Count("get", "error");
            throw new IOException($"'{source.Key}' cannot be read now.");
        }

        if (!_objects.TryGetValue(source.Key, out (byte[] Content, StoredObject Object) found) || (source.Tag.Length > 0 && found.Object.Tag != source.Tag))
        {
            Traffic?.Count("get", "changed");
            throw new ObjectChangedException(source.Key);
        }

        Traffic?.Count("get", "success");
        await destination.WriteAsync(OnTheWay(source.Key, found.Content).AsMemory((int)offset, (int)count), cancellationToken);
    }

    private void ThrowIfAway(string operation)
    {
        if (Failure is { } failure)
        {
            Traffic?.Count(operation, "error");
            throw failure;
        }
    }
}
