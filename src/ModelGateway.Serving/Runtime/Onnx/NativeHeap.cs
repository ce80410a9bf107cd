using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// What native code allocates. Keeps glibc from giving every thread a heap of its own (up to eight a core): runs move between threads, so each heap would grow
/// to the size of the largest run. Measured by the soak benchmark.
/// </summary>
public static partial class NativeHeap
{
    // From malloc.h.
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int ArenaMax = -8;
    private const int Arenas = 2;

    // What glibc begins with, and the most that it would come to by itself (DEFAULT_MMAP_THRESHOLD_MAX, and twice as much).
    private const int SmallPiece = 128 << 10;
    private const int LargestPiece = 32 << 20;

    // Small models come and go by the hundred.
    private const long WorthAWalk = 32 << 20;
    private static long _moved;

    /// <summary>Takes effect for heaps not made yet, so it is called before the first session. Does nothing where there is no glibc.</summary>
    internal static void BoundArenas()
    {
        if (Environment.GetEnvironmentVariable("MALLOC_ARENA_MAX") is null)
        {
            Set(ArenaMax, Arenas);
        }
    }

    /// <summary>
    /// From now on large pieces go back to the system when they are freed: reading models needs many, each of them once. Else they stay at the ends
    /// of heaps, which malloc_trim does not shorten: 10 MB for the sample models. Call <see cref="EndStart"/> afterwards.
    /// </summary>
    public static void BeginStart()
    {
        if (!IsTunedByHand())
        {
            Set(MmapThreshold, SmallPiece);
        }
    }

    /// <summary>From now on large pieces are kept for the next, as runs need the same ones again and again: what glibc comes to by itself, sooner or later.</summary>
    public static void EndStart()
    {
        if (!IsTunedByHand())
        {
            Set(MmapThreshold, LargestPiece);
            Set(TrimThreshold, 2 * LargestPiece);
        }
    }

    /// <summary>
    /// Gives free memory back to the system once enough was loaded or freed, which the C library else keeps until it is asked for again.
    /// Walking the heap takes milliseconds, so it is called when a model was loaded or is gone, never on the way of a request. Measured: of a
    /// model of 64 MB that is gone, 123 of its 135 MB stay without it, and reading it leaves another 60 MB behind.
    /// </summary>
    /// <param name="bytes">What was loaded or freed just now.</param>
    internal static void GiveBack(long bytes)
    {
        if (Interlocked.Add(ref _moved, bytes) >= WorthAWalk)
        {
            GiveBack();
        }
    }

    /// <summary>Gives free memory back to the system now. Takes milliseconds, in which others wait for memory. Does nothing where there is no glibc.</summary>
    public static void GiveBack()
    {
        Interlocked.Exchange(ref _moved, 0);
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, which gives back by itself or not at all.
        }
    }

    private static bool IsTunedByHand() =>
        Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null
        || Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is not null
        || Environment.GetEnvironmentVariable("GLIBC_TUNABLES") is not null;

    private static void Set(int parameter, int value)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = MallOpt(parameter, value);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, with a heap of another kind.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nint padding);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
