using ModelGateway.Benchmarks.Suite;

/// <summary>What the runtime calls where this assembly is a startup hook; it looks for just this name, in no namespace.</summary>
internal static class StartupHook
{
    /// <summary>Called before the process's Main.</summary>
    public static void Initialize() => AllocationProbe.Answer();
}
