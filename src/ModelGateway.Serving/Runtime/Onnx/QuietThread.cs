using System.Runtime.ExceptionServices;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Runs one long native call on a thread of its own at a low priority, so that optimizing a large graph does not take a core from
/// predictions. The thread does nothing else and ends with the call.
/// </summary>
/// <remarks>
/// Nothing that may start threads belongs here (<see cref="ThreadNiceness"/>): with loader threads that were nice themselves, the workers of .NET's
/// thread pool, which answer requests, were nice for the rest of the process's life. Nor does managed work belong here: the garbage
/// collector waits for every thread to stop, also for one that gets no core.
/// </remarks>
internal static class QuietThread
{
    // A third of the weight of a thread that answers requests. Measured with SwapSoakTests on busy cores: 200 swaps take 11 s with 0
    // and with 5, and 31 s with 10, which starves a load as soon as anything else runs.
    private const int Niceness = 5;

    /// <summary>Returns what the call returns, or throws what it throws.</summary>
    public static T Run<T>(Func<T> call)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                ThreadNiceness.Lower(Niceness);
                result = call();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        })
        {
            IsBackground = true,
            Name = "model-optimizer",
            Priority = ThreadPriority.BelowNormal,
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }
}
