using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Runtime;

/// <summary>
/// Lowers the priority of the thread that calls. On Linux that is its niceness, and .NET's own thread priorities change nothing. It is inherited by every
/// thread that the thread starts, and an ordinary user cannot take it back: so a thread that is nice must start none.
/// </summary>
internal static partial class ThreadNiceness
{
    /// <summary>Lowers it for the rest of the thread's life; does nothing on other systems.</summary>
    /// <param name="niceness">From 1 to 19; each step is a fifth of the weight.</param>
    public static void Lower(int niceness)
    {
        if (OperatingSystem.IsLinux())
        {
            // On Linux the call changes one thread (id 0: this one).
            _ = SetPriority(0, 0, niceness);
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);
}
