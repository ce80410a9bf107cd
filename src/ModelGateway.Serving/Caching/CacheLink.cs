namespace ModelGateway.Serving.Caching;

/// <summary>What <see cref="LfuPolicy"/> orders: an entry of a cache, without its key and value. Guarded by the lock of the cache, but for what never changes.</summary>
internal abstract class CacheLink(int hash, long weight)
{
    /// <summary>The key's hash: what its frequency is counted under.</summary>
    public int Hash { get; } = hash;

    /// <summary>Bytes.</summary>
    public long Weight { get; } = weight;

    /// <summary>Where it is; null when it is in the cache no longer, or not yet.</summary>
    public CacheLinkList? List { get; set; }

    /// <summary>When it came to the newest end of its list, in counts of that list.</summary>
    public long Appended { get; set; }

    public CacheLink? Older { get; set; }

    public CacheLink? Newer { get; set; }

    /// <summary>Leaves the list that it is in, if it is in one.</summary>
    public void Leave() => List?.Remove(this);
}
