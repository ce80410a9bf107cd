using System.Runtime.InteropServices;

namespace ModelGateway.TestKit.Hosting;

/// <summary>Signals to processes that a test started; Linux only.</summary>
internal static partial class Signals
{
    public const int HangUp = 1;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    /// <summary>Sends one; false where there is no such process any more.</summary>
    public static bool Send(int process, int signal) => Kill(process, signal) == 0;

    /// <summary>Stops a process, and returns when none of its threads runs any more: the signal is on its way for a moment, in which requests are still answered.</summary>
    /// <exception cref="TimeoutException">It runs on.</exception>
    public static void Pause(int process)
    {
        if (!Send(process, Stop) || !SpinWait.SpinUntil(() => HasStopped(process), TimeSpan.FromSeconds(30)))
        {
            throw new TimeoutException("The process does not stop.");
        }
    }

    private static bool HasStopped(int process)
    {
        try
        {
            // "17 (name) T ...": the name may hold anything, also brackets.
            return Directory.EnumerateDirectories($"/proc/{process}/task")
                .All(thread => File.ReadAllText(Path.Combine(thread, "stat")) is var stat && stat[stat.LastIndexOf(')')..].StartsWith(") T", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            // A thread ended meanwhile.
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
