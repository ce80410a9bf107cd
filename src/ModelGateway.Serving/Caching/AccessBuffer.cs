using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// Keeps which entries were read until someone with the lock of the cache tells the policy, so that a read takes no lock and makes no
/// interlocked access. It may lose a record, never an entry.
/// </summary>
/// <remarks>
/// Each processor has a stripe of its own, in its own cache lines, so mostly one thread at a time writes to it, with plain writes. Where two
/// do (a thread was moved or interrupted between reading the count and writing it), one record overwrites the other, or the count steps back:
/// both are tolerated, since <see cref="DrainTo"/> takes whatever it finds in the places of a stripe and believes the count only when it is zero.
/// What is found may have left the cache meanwhile. Measured by <c>cache-policy</c> of the benchmarks.
/// </remarks>
internal sealed class AccessBuffer
{
    private const int StripeLength = 64;

    // 128 bytes apart: processors fetch lines in pairs.
    private const int RecordPadding = 16;
    private const int CountStride = 32;

    private static readonly CoreStripes Stripes = new(64);

    private readonly Record[] _records;
    private readonly int[] _counts;

    public AccessBuffer()
    {
        _records = new Record[RecordPadding + (Stripes.Count * (StripeLength + RecordPadding))];
        _counts = new int[(Stripes.Count + 1) * CountStride];
    }

    /// <summary>Any thread: keeps a record; false when there is no place before the next <see cref="DrainTo"/>.</summary>
    public bool TryAdd(CacheLink link)
    {
        int stripe = Stripes.Mine;
        ref int count = ref _counts[CountAt(stripe)];
        int place = count;
        if ((uint)place >= StripeLength)
        {
            return false;
        }

        _records[RecordsAt(stripe) + place].Link = link;
        count = place + 1;
        return true;
    }

    /// <summary>With the lock of the cache: tells the policy of all records and forgets them.</summary>
    public void DrainTo(LfuPolicy policy)
    {
        for (int stripe = 0; stripe < Stripes.Count; stripe++)
        {
            ref int count = ref _counts[CountAt(stripe)];
            if (Volatile.Read(ref count) == 0)
            {
                continue;
            }

            Volatile.Write(ref count, 0);
            foreach (ref Record record in _records.AsSpan(RecordsAt(stripe), StripeLength))
            {
                if (record.Link is { } link)
                {
                    record.Link = null;
                    policy.RecordAccess(link);
                }
            }
        }
    }

    private static int CountAt(int stripe) => (stripe + 1) * CountStride;

    private static int RecordsAt(int stripe) => RecordPadding + (stripe * (StripeLength + RecordPadding));

    // A struct, since writing to an array of references checks the type of what is written.
    private struct Record
    {
        public CacheLink? Link;
    }
}
