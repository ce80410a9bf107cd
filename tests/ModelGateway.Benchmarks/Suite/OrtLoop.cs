using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using OrtOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>
/// ONNX Runtime with nothing around it, in a process of its own: a thread a core calls one session, over inputs and outputs in pinned arrays that
/// were made once. What the gateway could do if HTTP, JSON and everything else cost nothing.
/// </summary>
/// <remarks>A line of seconds on standard input is answered by a line of the runs in them and the seconds they took.</remarks>
internal static class OrtLoop
{
    /// <summary>The environment that keeps ONNX Runtime from sending usage data; it must be set before the process starts.</summary>
    public const string TelemetryVariable = "ORT_DISABLE_TELEMETRY";

    /// <summary>Runs until its standard input ends.</summary>
    /// <param name="requestFile">A <see cref="LoopRequest"/> as JSON.</param>
    public static int Run(string requestFile)
    {
        LoopRequest request = JsonSerializer.Deserialize<LoopRequest>(File.ReadAllText(requestFile))!;
        using var options = new OrtOptions { IntraOpNumThreads = 1 };
        using var session = new InferenceSession(request.ModelFile, options);
        PinnedRuns[] callers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new PinnedRuns(session, request))];
        Console.WriteLine(JsonSerializer.Serialize(callers[0].Output));
        while (Console.ReadLine() is { } line)
        {
            double seconds = double.Parse(line, CultureInfo.InvariantCulture);
            long started = Stopwatch.GetTimestamp();
            Thread[] threads = [.. callers.Select(caller => new Thread(() => caller.RunFor(seconds)))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{callers.Sum(caller => caller.Count)} {Stopwatch.GetElapsedTime(started).TotalSeconds}"));
        }

        Array.ForEach(callers, caller => caller.Dispose());
        return 0;
    }
}

/// <summary>What <see cref="OrtLoop"/> runs.</summary>
/// <param name="ModelFile">The ONNX file.</param>
/// <param name="Output">The FP32 output wanted.</param>
/// <param name="Inputs">The request.</param>
internal sealed record LoopRequest(string ModelFile, string Output, InputTensor[] Inputs);
