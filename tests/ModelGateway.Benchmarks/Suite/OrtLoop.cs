using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
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
        Caller[] callers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Caller(session, request))];
        Console.WriteLine(JsonSerializer.Serialize(callers[0].Output));
        while (Console.ReadLine() is { } line)
        {
            double seconds = double.Parse(line, CultureInfo.InvariantCulture);
            long started = Stopwatch.GetTimestamp();
            Thread[] threads = [.. callers.Select(caller => new Thread(() => caller.RunFor(seconds)))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{callers.Sum(caller => caller.Runs)} {Stopwatch.GetElapsedTime(started).TotalSeconds}"));
        }

        Array.ForEach(callers, caller => caller.Dispose());
        return 0;
    }

    /// <summary>One thread's tensors.</summary>
    private sealed class Caller : IDisposable
    {
        private readonly InferenceSession _session;
        private readonly RunOptions _options = new();
        private readonly string[] _inputNames;
        private readonly string[] _outputNames;
        private readonly OrtValue[] _inputs;
        private readonly OrtValue[] _outputs;

        public Caller(InferenceSession session, LoopRequest request)
        {
            _session = session;
            _inputNames = [.. request.Inputs.Select(input => input.Name)];
            _outputNames = [request.Output];
            _inputs = [.. request.Inputs.Select(ToValue)];

            // The first run tells the shape of the output.
            using IDisposableReadOnlyCollection<OrtValue> first = session.Run(_options, _inputNames, _inputs, _outputNames);
            Output = first[0].GetTensorDataAsSpan<float>().ToArray();
            _outputs = [Pinned(Output, first[0].GetTensorTypeAndShape().Shape)];
        }

        /// <summary>What the last run wrote.</summary>
        public float[] Output { get; }

        public long Runs { get; private set; }

        public void RunFor(double seconds)
        {
            long runs = 0;
            for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; runs++)
            {
                _session.Run(_options, _inputNames, _inputs, _outputNames, _outputs);
            }

            Runs = runs;
        }

        public void Dispose()
        {
            Array.ForEach(_inputs, value => value.Dispose());
            Array.ForEach(_outputs, value => value.Dispose());
            _options.Dispose();
        }

        private static OrtValue ToValue(InputTensor input) => input.DataType == "FP32"
            ? Pinned(MemoryMarshal.Cast<byte, float>(input.Data), input.Shape)
            : Pinned(MemoryMarshal.Cast<byte, long>(input.Data), input.Shape);

        private static OrtValue Pinned<T>(ReadOnlySpan<T> values, long[] shape)
            where T : unmanaged
        {
            T[] array = GC.AllocateUninitializedArray<T>(values.Length, pinned: true);
            values.CopyTo(array);
            return OrtValue.CreateTensorValueFromMemory(array, shape);
        }
    }
}

/// <summary>What <see cref="OrtLoop"/> runs.</summary>
/// <param name="ModelFile">The ONNX file.</param>
/// <param name="Output">The FP32 output wanted.</param>
/// <param name="Inputs">The request.</param>
internal sealed record LoopRequest(string ModelFile, string Output, InputTensor[] Inputs);
