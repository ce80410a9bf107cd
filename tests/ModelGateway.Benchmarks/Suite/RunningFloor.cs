using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using OrtOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>
/// <see cref="FloorServer"/> that also runs the model once a request, always over the same numbers: what any server on Kestrel and ONNX Runtime could reach if
/// reading, checking, counting and writing cost nothing. Each thread has a session of its own.
/// </summary>
internal static class RunningFloor
{
    /// <summary>Serves until the process is killed.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="answerFile">The bytes that it returns.</param>
    /// <param name="requestFile">A <see cref="LoopRequest"/> as JSON.</param>
    /// <param name="headers">See <see cref="FloorServer"/>.</param>
    public static async Task<int> RunAsync(string address, string answerFile, string requestFile, params string[] headers)
    {
        LoopRequest request = JsonSerializer.Deserialize<LoopRequest>(await File.ReadAllTextAsync(requestFile))!;
        using var options = new OrtOptions { IntraOpNumThreads = 1 };
        ConcurrentBag<PinnedRuns> idle = [];
        WebApplication app = FloorServer.Build(address, await File.ReadAllBytesAsync(answerFile), headers: headers, run: () =>
        {
            PinnedRuns runs = idle.TryTake(out PinnedRuns? free) ? free : new PinnedRuns(new InferenceSession(request.ModelFile, options), request);
            runs.RunBound();
            idle.Add(runs);
        });
        await app.RunAsync();
        return 0;
    }
}
