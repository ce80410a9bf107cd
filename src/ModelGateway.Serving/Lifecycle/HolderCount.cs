using ModelGateway.Serving.Diagnostics;

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
    private const int Holders = 0;
    private const int Again = 1;
    private const int Noted = 2;

    private readonly CoreCounters _counts = new(3);
    private int _isLetGo;
    private int _isTold;

    /// <summary>Nobody holds it at the moment, or has only just come.</summary>
    public bool IsZero => _counts.Read(Holders) == 0 && _counts.Read(Again) == 0;

    /// <summary>The latest time that <see cref="Note"/> was told; 0 where there was none.</summary>
    public long LastNoted => _counts.ReadLargest(Noted);

    /// <summary>Takes hold; false once the owner has let go.</summary>
    /// <param name="isLast">The caller was in the way of whoever looked for the last one, and is to dispose.</param>
    public bool TryEnter(out bool isLast)
    {
        CoreCounters.Copy mine = _counts.Mine();
        mine.Add(Holders, 1);
        if (Volatile.Read(ref _isLetGo) == 0)
        {
            isLast = false;
            return true;
        }

        mine.Add(Holders, -1);
        isLast = IsLast();
        return false;
    }

    /// <summary>Takes hold for one more, whom a holder of the first kind hands it on to; never refused.</summary>
    public void EnterAgain() => _counts.Mine().Add(Again, 1);

    /// <summary>One of those leaves.</summary>
    /// <returns>True for the last one out, who is to dispose.</returns>
    public bool LeaveAgain()
    {
        _counts.Mine().Add(Again, -1);
        return Volatile.Read(ref _isLetGo) == 1 && IsLast();
    }

    /// <summary>Notes a time that grows: on the line that the present core counts on, which it has anyway.</summary>
    public void Note(long time) => _counts.Mine().Set(Noted, time);

    /// <summary>A holder leaves.</summary>
    /// <returns>True for the last one out, who is to dispose.</returns>
    public bool Leave()
    {
        _counts.Mine().Add(Holders, -1);
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
    private bool IsLast() => _counts.Read(Holders) == 0 && _counts.Read(Again) == 0 && Interlocked.Exchange(ref _isTold, 1) == 0;
}
