using System.Runtime.CompilerServices;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// How many hold something, and its owner's word that it may go: the last one out after that word is told so, once. Each core counts for itself,
/// so that requests on different cores do not wait for one cache line.
/// </summary>
/// <remarks>
/// Who takes hold counts itself, then looks whether the owner has let go; the owner lets go, then adds up. By the full fences of <see cref="Interlocked"/>
/// at least one of them sees the other. A holder may leave on another core than it came on: single counts may be negative, their sum after the owner's word never is,
/// because who came too late takes back its own count on the core where it made it, so that no look sees only the second half.
/// A holder who hands on to another (<see cref="EnterAgain"/>) may do so after that word too, so those are counted apart: once there are no others, none can be added.
/// </remarks>
internal sealed class HolderCount
{
    // In longs: two cache lines.
    private const int Stride = 16;
    private const int MostCores = 16;

    // Places on a core's line, behind the count of holders.
    private const int Noted = 1;
    private const int Again = 2;
    private static readonly int Mask = (int)Math.Min(MostCores, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount)) - 1;

    private readonly long[] _counts = new long[(Mask + 3) * Stride];
    private int _isLetGo;
    private int _isTold;

    /// <summary>Nobody holds it at the moment, or has only just come.</summary>
    public bool IsZero => Sum(0) == 0 && Sum(Again) == 0;

    /// <summary>The latest time that <see cref="Note"/> was told; 0 where there was none.</summary>
    public long LastNoted
    {
        get
        {
            long last = 0;
            for (int i = Stride; i < _counts.Length; i += Stride)
            {
                last = Math.Max(last, Volatile.Read(ref _counts[i + Noted]));
            }

            return last;
        }
    }

    /// <summary>Takes hold; false once the owner has let go.</summary>
    /// <param name="isLast">The caller was in the way of whoever looked for the last one, and is to dispose.</param>
    public bool TryEnter(out bool isLast)
    {
        ref long count = ref Mine();
        Interlocked.Increment(ref count);
        if (Volatile.Read(ref _isLetGo) == 0)
        {
            isLast = false;
            return true;
        }

        Interlocked.Decrement(ref count);
        isLast = IsLast();
        return false;
    }

    /// <summary>Takes hold for one more, whom a holder of the first kind hands it on to; never refused.</summary>
    public void EnterAgain() => Interlocked.Increment(ref Unsafe.Add(ref Mine(), Again));

    /// <summary>One of those leaves.</summary>
    /// <returns>True for the last one out, who is to dispose.</returns>
    public bool LeaveAgain()
    {
        Interlocked.Decrement(ref Unsafe.Add(ref Mine(), Again));
        return Volatile.Read(ref _isLetGo) == 1 && IsLast();
    }

    /// <summary>Notes a time that grows: on the line that the present core counts on, which it has anyway.</summary>
    public void Note(long time) => Volatile.Write(ref Unsafe.Add(ref Mine(), Noted), time);

    /// <summary>A holder leaves.</summary>
    /// <returns>True for the last one out, who is to dispose.</returns>
    public bool Leave()
    {
        Interlocked.Decrement(ref Mine());
        return Volatile.Read(ref _isLetGo) == 1 && IsLast();
    }

    /// <summary>The owner lets go: nobody takes hold any more.</summary>
    /// <returns>True if nobody holds it, and the owner is to dispose.</returns>
    public bool LetGo()
    {
        Interlocked.Exchange(ref _isLetGo, 1);
        return IsLast();
    }

    // In this order: see the remarks.
    private bool IsLast() => Sum(0) == 0 && Sum(Again) == 0 && Interlocked.Exchange(ref _isTold, 1) == 0;

    private ref long Mine() => ref _counts[((Thread.GetCurrentProcessorId() & Mask) + 1) * Stride];

    private long Sum(int kind)
    {
        long sum = 0;
        for (int i = Stride; i < _counts.Length; i += Stride)
        {
            sum += Volatile.Read(ref _counts[i + kind]);
        }

        return sum;
    }
}
