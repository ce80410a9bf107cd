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

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
