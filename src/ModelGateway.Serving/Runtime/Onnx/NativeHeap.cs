using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Keeps glibc from giving every thread a heap of its own (up to eight a core): runs move between threads, so each heap would grow
/// to the size of the largest run. Measured by the soak benchmark.
/// </summary>
internal static partial class NativeHeap
{
    // From malloc.h.
    private const int ArenaMax = -8;
    private const int Arenas = 2;

    // Small models come and go by the hundred.
    private const long WorthAWalk = 32 << 20;
    private static long _moved;

    /// <summary>Takes effect for heaps not made yet, so it is called before the first session. Does nothing where there is no glibc.</summary>
    public static void BoundArenas()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("MALLOC_ARENA_MAX") is not null)
        {
            return;
        }

        try
        {
            _ = MallOpt(ArenaMax, Arenas);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, with a heap of another kind.
        }
    }

    /// <summary>
    /// Gives free memory back to the system once enough was loaded or freed, which the C library else keeps until it is asked for again.
    /// Walking the heap takes milliseconds, so it is called when a model was loaded or is gone, never on the way of a request. Measured: of a
    /// model of 64 MB that is gone, 123 of its 135 MB stay without it, and reading it leaves another 60 MB behind.
    /// </summary>
    /// <param name="bytes">What was loaded or freed just now.</param>
    public static void GiveBack(long bytes)
    {
        if (!OperatingSystem.IsLinux() || Interlocked.Add(ref _moved, bytes) < WorthAWalk)
        {
            return;
        }

        Interlocked.Exchange(ref _moved, 0);
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, which gives back by itself or not at all.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nint padding);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
