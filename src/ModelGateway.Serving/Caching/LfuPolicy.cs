namespace ModelGateway.Serving.Caching;

/// <summary>
/// Decides which entries stay: W-TinyLFU (Einziger, Friedman, Manes: arXiv 1512.00727) for entries of different weights (arXiv 2105.08770).
/// </summary>
/// <remarks>
/// Everything here happens under the lock of the cache.
/// <code>
/// new -> window (1 %) -> asked for more often than those that would have to go? -> probation -> asked for again -> protected (80 % of main)
///                              no: it leaves                                        ^ the oldest of it leaves        | the oldest, when full
///                                                                                   +--------------------------------+
/// </code>
/// What is asked for in a burst is found in the window; a scan passes through it. A candidate that is heavier than the oldest of the main space is
/// weighed against as many of them as it takes, by the sum of their frequencies. Those whose frequency has gone down to zero leave in any
/// case, which bounds the comparison: the sum exceeds the largest frequency after 15 others.
/// </remarks>
internal sealed class LfuPolicy
{
    // A candidate asked for as often as this that loses gets in all the same once in 128 times: frequencies end at 15, so without that one large
    // answer that everybody asks for could never displace a hundred small ones, and entries made to look frequent would stay for good.
    private const int WarmFrequency = 6;
    private const uint LuckyOneIn = 128;

    private readonly CacheLinkList _window = new();
    private readonly CacheLinkList _probation = new();
    private readonly CacheLinkList _protected = new();
    private readonly FrequencySketch _sketch;
    private readonly Action<CacheLink> _left;
    private readonly long _heaviest;
    private readonly long _windowCapacity;
    private readonly long _mainCapacity;
    private readonly long _protectedCapacity;
    private ulong _random;
    private long _evictions;
    private long _refusals;

    /// <summary>A policy over nothing.</summary>
    /// <param name="capacity">Bytes.</param>
    /// <param name="seed">Of what is left to chance.</param>
    /// <param name="left">Called with each entry that is evicted or refused, when it is in no list any more.</param>
    public LfuPolicy(long capacity, ulong seed, Action<CacheLink> left)
    {
        _heaviest = capacity / 8;
        _windowCapacity = Math.Max(1, capacity / 100);
        _mainCapacity = capacity - _windowCapacity;
        _protectedCapacity = _mainCapacity / 10 * 8;
        _sketch = new FrequencySketch(seed);
        _random = seed | 1;
        _left = left;
    }

    public int Count => _window.Count + _probation.Count + _protected.Count;

    public long Weight => _window.Weight + MainWeight;

    public long Evictions => Volatile.Read(ref _evictions);

    public long Refusals => Volatile.Read(ref _refusals);

    private long MainWeight => _probation.Weight + _protected.Weight;

    private CacheLink? OldestOfMain => _probation.Oldest ?? _protected.Oldest;

    /// <summary>A read of an entry, which may have left since.</summary>
    public void RecordAccess(CacheLink link)
    {
        _sketch.Increment(link.Hash);
        if (link.List == _probation)
        {
            _probation.Remove(link);
            Protect(link);
        }
        else
        {
            link.List?.MoveToNewest(link);
        }
    }

    /// <summary>A new entry. It or others may leave; it is in a list afterwards if it stays.</summary>
    public void Add(CacheLink link)
    {
        _sketch.Fit(Count + 1);
        _sketch.Increment(link.Hash);
        Enter(link);
    }

    /// <summary>An entry in the place of another of the same key, which leaves without being told of.</summary>
    public void Replace(CacheLink before, CacheLink link)
    {
        _sketch.Increment(link.Hash);
        CacheLinkList? list = before.List;
        before.Leave();
        if (list == _window || link.Weight > _heaviest)
        {
            Enter(link);
            return;
        }

        Protect(link);
        while (MainWeight > _mainCapacity)
        {
            Evict(OldestOfMain!);
        }
    }

    /// <summary>Takes all out and forgets how often they were asked for.</summary>
    public void Clear()
    {
        foreach (CacheLinkList list in (ReadOnlySpan<CacheLinkList>)[_window, _probation, _protected])
        {
            // One by one: records of reads may still come, and must find that an entry is in no list.
            while (list.TakeOldest() is not null)
            {
            }
        }

        _sketch.Clear();
    }

    private void Enter(CacheLink link)
    {
        if (link.Weight > _heaviest)
        {
            Refuse(link);
        }
        else if (link.Weight > _windowCapacity)
        {
            // It would push all others out of the window and then leave it too.
            Compete(link);
        }
        else
        {
            _window.AddNewest(link);
            while (_window.Weight > _windowCapacity)
            {
                Compete(_window.TakeOldest()!);
            }
        }
    }

    private void Compete(CacheLink candidate)
    {
        int frequency = _sketch.Estimate(candidate.Hash);
        int limit = frequency >= WarmFrequency && IsLucky() ? int.MaxValue : frequency;
        long missing = MainWeight + candidate.Weight - _mainCapacity;
        int losers = 0;
        int askedFor = 0;

        // There are always enough: no candidate is heavier than the main space.
        for (CacheLink victim = OldestOfMain!; missing > 0;)
        {
            CacheLink? next = victim.Newer ?? (victim.List == _probation ? _protected.Oldest : null);
            int victimFrequency = _sketch.Estimate(victim.Hash);
            missing -= victim.Weight;
            if (victimFrequency == 0)
            {
                Evict(victim);
            }
            else if ((askedFor += victimFrequency) >= limit)
            {
                Refuse(candidate);
                return;
            }
            else
            {
                losers++;
            }

            victim = next!;
        }

        for (; losers > 0; losers--)
        {
            Evict(OldestOfMain!);
        }

        _probation.AddNewest(candidate);
    }

    private void Protect(CacheLink link)
    {
        _protected.AddNewest(link);
        while (_protected.Weight > _protectedCapacity)
        {
            _probation.AddNewest(_protected.TakeOldest()!);
        }
    }

    private void Evict(CacheLink link)
    {
        link.Leave();
        Volatile.Write(ref _evictions, _evictions + 1);
        _left(link);
    }

    private void Refuse(CacheLink link)
    {
        Volatile.Write(ref _refusals, _refusals + 1);
        _left(link);
    }

    // xorshift64: it need not be good, only hard to foresee.
    private bool IsLucky()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return (_random >> 32) % LuckyOneIn == 0;
    }
}
