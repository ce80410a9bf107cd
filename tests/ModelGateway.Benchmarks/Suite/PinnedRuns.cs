using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>Runs of one session over inputs and outputs in pinned arrays that were made once. Of one thread at a time; the session stays its owner's.</summary>
internal sealed class PinnedRuns : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly string[] _inputNames;
    private readonly string[] _outputNames;
    private readonly OrtValue[] _inputs;
    private readonly OrtValue[] _outputs;
    private readonly OrtIoBinding _binding;

    public PinnedRuns(InferenceSession session, LoopRequest request)
    {
        _session = session;
        _inputNames = [.. request.Inputs.Select(input => input.Name)];
        _outputNames = [request.Output];
        _inputs = [.. request.Inputs.Select(ToValue)];

        // The first run tells the shape of the output.
        using IDisposableReadOnlyCollection<OrtValue> first = session.Run(_options, _inputNames, _inputs, _outputNames);
        Output = first[0].GetTensorDataAsSpan<float>().ToArray();
        _outputs = [Pinned(Output, first[0].GetTensorTypeAndShape().Shape)];
        _binding = session.CreateIoBinding();
        for (int i = 0; i < _inputs.Length; i++)
        {
            _binding.BindInput(_inputNames[i], _inputs[i]);
        }

        _binding.BindOutput(request.Output, _outputs[0]);
    }

    /// <summary>What the last run wrote.</summary>
    public float[] Output { get; }

    /// <summary>Runs of the last <see cref="RunFor"/>.</summary>
    public long Count { get; private set; }

    /// <summary>One run, the quickest way there is: all is bound already.</summary>
    public void RunBound() => _session.RunWithBinding(_options, _binding);

    /// <summary>One after the other.</summary>
    public void RunFor(double seconds)
    {
        long runs = 0;
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; runs++)
        {
            _session.Run(_options, _inputNames, _inputs, _outputNames, _outputs);
        }

        Count = runs;
    }

    public void Dispose()
    {
        _binding.Dispose();
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
