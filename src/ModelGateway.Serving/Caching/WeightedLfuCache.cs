using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// A cache bounded in bytes that keeps what is asked for often: a scan of one-off keys does not push it out (<c>LfuPolicy</c> says how).
/// Safe for any thread; a read takes no lock, allocates nothing and waits for nobody.
/// </summary>
/// <remarks>
/// <para>
/// Shared: <c>_entries</c>, read by anyone, changed under <c>_lock</c> only; an entry never changes, a new value is a new entry. Reads are kept in
/// <c>_reads</c> and told to <c>_policy</c>, which only the holder of <c>_lock</c> touches, before each write, and when a stripe of them is full by
/// the reader, if the lock is free. Between two writes the policy's lists hold just what <c>_entries</c> holds.
/// </para>
/// <para>
/// Values are dropped, not disposed. Entries do not expire: values carry their own times, and <see cref="Remove(TKey, TValue)"/> takes out one that is
/// over without touching one that came in its place.
/// </para>
/// </remarks>
/// <typeparam name="TKey">Its hash code must be well spread over keys; it is taken once a call.</typeparam>
/// <typeparam name="TValue">Immutable, since it is shared by all who read it.</typeparam>
public sealed class WeightedLfuCache<TKey, TValue>
    where TKey : notnull, IEquatable<TKey>
{
    private readonly ConcurrentDictionary<TKey, Entry> _entries = new();
    private readonly AccessBuffer _reads = new();
    private readonly Lock _lock = new();
    private readonly LfuPolicy _policy;
    private int _count;
    private long _bytes;

    /// <summary>An empty cache.</summary>
    /// <param name="capacityBytes">The most that all entries weigh together, at least 1; an entry heavier than an eighth of it is not kept.</param>
    /// <exception cref="ArgumentOutOfRangeException">The capacity is less than 1.</exception>
    public WeightedLfuCache(long capacityBytes)
        : this(capacityBytes, (ulong)Random.Shared.NextInt64())
    {
    }

    internal WeightedLfuCache(long capacityBytes, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacityBytes, 1);
        CapacityBytes = capacityBytes;
        _policy = new LfuPolicy(capacityBytes, seed, link => _entries.TryRemove(((Entry)link).Key, out _));
    }

    /// <summary>The most that all entries weigh together.</summary>
    public long CapacityBytes { get; }

    /// <summary>What all entries weigh together: never more than <see cref="CapacityBytes"/>.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Entries that are kept.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Entries that had to make room for others, since the beginning.</summary>
    public long Evictions => _policy.Evictions;

    /// <summary>Entries that were not kept, being too heavy or asked for less often than those they would have displaced, since the beginning.</summary>
    public long Refusals => _policy.Refusals;

    /// <summary>The value of a key, if it is kept; counts as a use of it.</summary>
    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (!_entries.TryGetValue(key, out Entry? entry))
        {
            value = default;
            return false;
        }

        if (!_reads.TryAdd(entry))
        {
            DrainAfterRead(entry);
        }

        value = entry.Value;
        return true;
    }

    /// <summary>The value of a key, if it is kept; leaves no trace.</summary>
    public bool TryPeek(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        bool found = _entries.TryGetValue(key, out Entry? entry);
        value = found ? entry!.Value : default;
        return found;
    }

    /// <summary>Keeps a value, in place of the one before, which is gone in any case.</summary>
    /// <param name="key">Its key; counts as a use of it.</param>
    /// <param name="value">The value.</param>
    /// <param name="weight">Bytes that it takes, at least 1. The cache's own need (about 170 bytes an entry with keys of 32 bytes) is for the caller to add.</param>
    /// <returns>Whether it is kept for now. What is refused today may be kept when it was asked for more often.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The weight is less than 1.</exception>
    public bool Set(TKey key, TValue value, long weight)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(weight, 1);
        var entry = new Entry(key, value, weight);
        lock (_lock)
        {
            _reads.DrainTo(_policy);
            if (_entries.TryGetValue(key, out Entry? before))
            {
                _policy.Replace(before, entry);
            }
            else
            {
                _policy.Add(entry);
            }

            // It comes in when the others have gone, so there is never more than the capacity; a refused one took the one before with it.
            bool kept = entry.List is not null;
            if (kept)
            {
                _entries[key] = entry;
            }

            Publish();
            return kept;
        }
    }

    /// <summary>Takes a key out; false where it was not kept.</summary>
    public bool Remove(TKey key)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(key, out Entry? entry) && TakeOut(entry);
        }
    }

    /// <summary>Takes a key out if its value is still this one (by <see cref="EqualityComparer{T}.Default"/>); false where it was not.</summary>
    public bool Remove(TKey key, TValue value)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(key, out Entry? entry)
                && EqualityComparer<TValue>.Default.Equals(entry.Value, value)
                && TakeOut(entry);
        }
    }

    /// <summary>
    /// Takes out all entries that <paramref name="predicate"/> is true for; it is asked about each, without a lock. One that is set meanwhile may stay.
    /// </summary>
    /// <returns>How many were taken out.</returns>
    public int RemoveWhere(Func<TKey, TValue, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        int removed = 0;
        foreach ((TKey key, Entry entry) in _entries)
        {
            if (!predicate(key, entry.Value))
            {
                continue;
            }

            // One at a time: others get to write in between.
            lock (_lock)
            {
                if (entry.List is not null && TakeOut(entry))
                {
                    removed++;
                }
            }
        }

        return removed;
    }

    /// <summary>Takes all out and forgets how often keys were asked for.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _entries.Clear();
            _policy.Clear();
            _reads.DrainTo(_policy);
            Publish();
        }
    }

    // Many remove their values because they are over: with them go the records of reads, which would hold them until the next write.
    private bool TakeOut(Entry entry)
    {
        _entries.TryRemove(entry.Key, out _);
        entry.Leave();
        _reads.DrainTo(_policy);
        Publish();
        return true;
    }

    private void Publish()
    {
        Volatile.Write(ref _count, _policy.Count);
        Volatile.Write(ref _bytes, _policy.Weight);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void DrainAfterRead(Entry entry)
    {
        // Whoever holds the lock drains too, or has just done so: a record more or less does not matter, waiting would.
        if (!_lock.TryEnter())
        {
            return;
        }

        try
        {
            _reads.DrainTo(_policy);
            _policy.RecordAccess(entry);
        }
        finally
        {
            _lock.Exit();
        }
    }

    private sealed class Entry(TKey key, TValue value, long weight) : CacheLink(key.GetHashCode(), weight)
    {
        public TKey Key { get; } = key;

        public TValue Value { get; } = value;
    }
}
