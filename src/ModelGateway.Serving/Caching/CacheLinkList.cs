using System.Diagnostics;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// Entries from the oldest to the newest use, roughly, and their weight. A link is in one list at most. Guarded by the lock of the cache.
/// </summary>
internal sealed class CacheLinkList
{
    // Counts what was put at the newest end, so that it tells how far from there an entry can be at most.
    private long _appended;

    public CacheLink? Oldest { get; private set; }

    public CacheLink? Newest { get; private set; }

    public long Weight { get; private set; }

    public int Count { get; private set; }

    public void AddNewest(CacheLink link)
    {
        Debug.Assert(link.List is null);
        link.List = this;
        Weight += link.Weight;
        Count++;
        Append(link);
    }

    public void Remove(CacheLink link)
    {
        Debug.Assert(link.List == this);
        Detach(link);
        link.List = null;
        Weight -= link.Weight;
        Count--;
    }

    /// <summary>Moves an entry to the newest end, unless it is among the newest quarter: most reads are of those, and a move touches four entries.</summary>
    public void MoveToNewest(CacheLink link)
    {
        Debug.Assert(link.List == this);
        if (_appended - link.Appended > Count / 4)
        {
            Detach(link);
            Append(link);
        }
    }

    public CacheLink? TakeOldest()
    {
        CacheLink? link = Oldest;
        if (link is not null)
        {
            Remove(link);
        }

        return link;
    }

    private void Append(CacheLink link)
    {
        link.Appended = _appended++;
        link.Older = Newest;
        if (Newest is null)
        {
            Oldest = link;
        }
        else
        {
            Newest.Newer = link;
        }

        Newest = link;
    }

    private void Detach(CacheLink link)
    {
        if (link.Older is null)
        {
            Oldest = link.Newer;
        }
        else
        {
            link.Older.Newer = link.Newer;
        }

        if (link.Newer is null)
        {
            Newest = link.Older;
        }
        else
        {
            link.Newer.Older = link.Older;
        }

        link.Older = null;
        link.Newer = null;
    }
}
