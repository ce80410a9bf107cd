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

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
