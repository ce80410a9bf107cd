using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Runs over memory that is bound once and used again, for small tensors whose shapes come again and again, asked for the same outputs: making native values for each run and having
/// outputs made by ONNX Runtime costs a tiny model more than its run.
/// </summary>
/// <remarks>
/// <para>The shapes of outputs are not computed but learned, from a run of the usual kind with inputs of the same shapes, and a first bound run with the same
/// inputs must give the same bytes: of an output that is an input or a constant handed through, ONNX Runtime swaps the value and leaves the bound memory as it was.
/// Where shapes turn out to depend on values too, it refuses the bound output; the run is then made again in the usual way, and nothing is bound any more.</para>
/// <para>Shared by all runs of an instance: <c>_known</c> is replaced as a whole, a slot belongs to one run at a time. Measured by <c>pipeline</c> of the benchmarks.</para>
/// </remarks>
/// <param name="session">Whose inputs and outputs are bound.</param>
/// <param name="signature">Its signature.</param>
/// <param name="overlapped">Called when a run found another one under way for the first time, and whenever there are more at once than ever; must not throw.</param>
internal sealed class BoundRuns(InferenceSession session, ModelSignature signature, Action overlapped) : IDisposable
{
    /// <summary>Inputs and outputs together, in bytes: what is larger gains nothing that shows, and would be copied once more.</summary>
    public const int LargestRun = 64 * 1024;

    /// <summary>Of a run that takes longer it does not show either, and learning takes another one.</summary>
    public static readonly TimeSpan LongestRun = TimeSpan.FromMilliseconds(1);

    // A model that is asked with more shapes than these in turn, or for more choices of outputs, is run the usual way for the others.
    private const int MostShapes = 4;

    private readonly Lock _gate = new();
    private readonly bool _isPossible = signature.Inputs.Count > 0
        && signature.Inputs.All(static input => input.Type != TensorType.Bytes)
        && signature.Outputs.All(static output => output.Kind == OutputKind.Tensor && output.Values.Type != TensorType.Bytes);

    private readonly string[] _allOutputs = [.. signature.Outputs.Select(static output => output.Name)];
    private volatile BoundShapes[] _known = [];
    private volatile long[][]? _last;
    private volatile bool _isOff;
    private bool _isDisposed;

    /// <summary>Borrows memory for inputs like these; null where none is bound for them.</summary>
    /// <param name="inputs">Their shapes count.</param>
    /// <param name="outputs">The outputs wanted; null for all.</param>
    public BoundSlot? TryRent(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs)
    {
        if (_isOff)
        {
            return null;
        }

        foreach (BoundShapes shapes in _known)
        {
            if (shapes.Fit(inputs, outputs ?? _allOutputs))
            {
                return shapes.Rent(session, overlapped);
            }
        }

        return null;
    }

    /// <summary>Takes note of a run of the usual kind: shapes that come twice in a row are bound for the next.</summary>
    /// <param name="inputs">Of that run.</param>
    /// <param name="outputs">The outputs that were wanted; null for all.</param>
    /// <param name="made">What it made.</param>
    /// <param name="options">Its options, with which it can be made again.</param>
    public void Learn(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, IReadOnlyList<OutputValue> made, RunOptions options)
    {
        if (!_isPossible || _isOff || BytesOf(inputs) is var bytes && bytes > LargestRun)
        {
            return;
        }

        if (_last is not { } last || !BoundShapes.Fit(last, inputs))
        {
            _last = [.. inputs.Select(static input => input.Tensor.Shape)];
            return;
        }

        if (Describe(made, LargestRun - bytes) is not { } described)
        {
            return;
        }

        if (_known.Length >= MostShapes)
        {
            return;
        }

        var shapes = new BoundShapes([.. inputs.Select(static input => new BoundTensor(input.Name, input.Tensor.Type, input.Tensor.Shape))], described);
        if (!shapes.TryOut(session, options, inputs, made))
        {
            shapes.Dispose();
            TurnOff();
            return;
        }

        lock (_gate)
        {
            if (!_isDisposed && _known.Length < MostShapes && !_known.Any(known => known.Fit(inputs, outputs ?? _allOutputs)))
            {
                _known = [.. _known, shapes];
                return;
            }
        }

        shapes.Dispose();
    }

    /// <summary>A bound run failed that succeeded in the usual way.</summary>
    public void TurnOff() => _isOff = true;

    /// <summary>Frees what is bound; no run may be under way.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (BoundShapes shapes in _known)
            {
                shapes.Dispose();
            }

            _known = [];
        }
    }

    private static long BytesOf(IReadOnlyList<NamedTensor> inputs)
    {
        long bytes = 0;
        for (int i = 0; i < inputs.Count; i++)
        {
            // There is no first byte to point to.
            bytes += inputs[i].Tensor.ElementCount == 0 ? LargestRun + 1L : inputs[i].Tensor.Data.Length;
        }

        return bytes;
    }

    private static BoundTensor[]? Describe(IReadOnlyList<OutputValue> made, long most)
    {
        var described = new BoundTensor[made.Count];
        for (int i = 0; i < described.Length; i++)
        {
            Tensor tensor = made[i].Values;
            most -= tensor.ElementCount == 0 ? long.MaxValue / 2 : tensor.Data.Length;
            described[i] = new BoundTensor(made[i].Name, tensor.Type, tensor.Shape);
        }

        return most >= 0 ? described : null;
    }
}

/// <summary>A tensor whose place is bound.</summary>
/// <param name="Name">Of the input or output.</param>
/// <param name="Type">Its element type, of a fixed size.</param>
/// <param name="Shape">Its dimensions.</param>
internal sealed record BoundTensor(string Name, TensorType Type, long[] Shape)
{
    /// <summary>Bytes of its elements.</summary>
    public int Length => (int)TensorShape.CountElements(Shape) * Type.ElementSize();
}

/// <summary>The slots for one set of shapes and of outputs. Any thread; a slot is out or waits here.</summary>
internal sealed class BoundShapes(BoundTensor[] inputs, BoundTensor[] outputs) : IDisposable
{
    private readonly ConcurrentBag<BoundSlot> _free = [];

    /// <summary>Whether inputs have these shapes and outputs these names, in the same order.</summary>
    public bool Fit(IReadOnlyList<NamedTensor> tensors, IReadOnlyList<string> wanted)
    {
        if (tensors.Count != inputs.Length || wanted.Count != outputs.Length)
        {
            return false;
        }

        for (int i = 0; i < outputs.Length; i++)
        {
            if (!string.Equals(wanted[i], outputs[i].Name, StringComparison.Ordinal))
            {
                return false;
            }
        }

        for (int i = 0; i < inputs.Length; i++)
        {
            if (!tensors[i].Tensor.Shape.AsSpan().SequenceEqual(inputs[i].Shape) || !string.Equals(tensors[i].Name, inputs[i].Name, StringComparison.Ordinal) || tensors[i].Tensor.Type != inputs[i].Type)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether inputs have shapes like those.</summary>
    public static bool Fit(long[][] shapes, IReadOnlyList<NamedTensor> tensors)
    {
        if (tensors.Count != shapes.Length)
        {
            return false;
        }

        for (int i = 0; i < shapes.Length; i++)
        {
            if (!tensors[i].Tensor.Shape.AsSpan().SequenceEqual(shapes[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a bound run gives what a run of the usual kind gave, byte by byte.</summary>
    public bool TryOut(InferenceSession session, RunOptions options, IReadOnlyList<NamedTensor> tensors, IReadOnlyList<OutputValue> expected)
    {
        try
        {
            using BoundSlot slot = Rent(session);
            slot.Spoil(expected);
            OutputValue[] made = slot.Run(session, options, tensors);
            bool isSame = true;
            for (int i = 0; i < made.Length; i++)
            {
                isSame &= made[i].Values.Data.SequenceEqual(expected[i].Values.Data);
                made[i].Dispose();
            }

            return isSame;
        }
        catch (OnnxRuntimeException)
        {
            return false;
        }
    }

    public BoundSlot Rent(InferenceSession session, Action? overlapped = null)
    {
        if (_free.TryTake(out BoundSlot? slot))
        {
            return slot;
        }

        // The first is made where the shapes are tried out.
        overlapped?.Invoke();
        return new BoundSlot(this, session, inputs, outputs);
    }

    public void Return(BoundSlot slot) => _free.Add(slot);

    public void Dispose()
    {
        while (_free.TryTake(out BoundSlot? slot))
        {
            slot.Free();
        }
    }
}

/// <summary>Pinned memory with its native values, bound to the session's inputs and outputs. Of one run at a time; disposing gives it back.</summary>
[SuppressMessage("Design", "CA1001", Justification = "What it holds is freed by Free, when the instance goes.")]
internal sealed class BoundSlot : IDisposable
{
    private readonly BoundShapes _owner;
    private readonly BoundTensor[] _outputs;
    private readonly byte[][] _inputBytes;
    private readonly byte[][] _outputBytes;
    private readonly List<OrtValue> _values = [];
    private readonly OrtIoBinding _binding;

    public BoundSlot(BoundShapes owner, InferenceSession session, BoundTensor[] inputs, BoundTensor[] outputs)
    {
        _owner = owner;
        _outputs = outputs;
        _binding = session.CreateIoBinding();
        _inputBytes = [.. inputs.Select(input => Bind(input, isInput: true))];
        _outputBytes = [.. outputs.Select(output => Bind(output, isInput: false))];
    }

    /// <summary>Runs on these inputs.</summary>
    /// <returns>The outputs that are bound, in managed memory of their own.</returns>
    public OutputValue[] Run(InferenceSession session, RunOptions options, IReadOnlyList<NamedTensor> inputs)
    {
        for (int i = 0; i < _inputBytes.Length; i++)
        {
            inputs[i].Tensor.Data.CopyTo(_inputBytes[i]);
        }

        session.RunWithBinding(options, _binding);
        var values = new OutputValue[_outputs.Length];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> bytes = _outputBytes[i];
            TensorBuffer buffer = TensorBuffer.Rent(bytes.Length);
            bytes.CopyTo(buffer.Span);
            values[i] = OutputValue.FromTensor(_outputs[i].Name, new Tensor(_outputs[i].Type, _outputs[i].Shape, buffer));
        }

        return values;
    }

    /// <summary>Puts into the outputs what they must not be after a run.</summary>
    public void Spoil(IReadOnlyList<OutputValue> expected)
    {
        for (int i = 0; i < _outputBytes.Length; i++)
        {
            ReadOnlySpan<byte> right = expected[i].Values.Data;
            for (int j = 0; j < right.Length; j++)
            {
                _outputBytes[i][j] = (byte)~right[j];
            }
        }
    }

    public void Dispose() => _owner.Return(this);

    /// <summary>Frees the native part.</summary>
    public void Free()
    {
        _binding.Dispose();
        _values.ForEach(static value => value.Dispose());
    }

    private byte[] Bind(BoundTensor tensor, bool isInput)
    {
        byte[] bytes = GC.AllocateArray<byte>(tensor.Length, pinned: true);
        unsafe
        {
            fixed (byte* first = bytes)
            {
                OrtValue value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, OnnxTypes.ToElementType(tensor.Type), tensor.Shape, (IntPtr)first, bytes.Length);
                _values.Add(value);
                if (isInput)
                {
                    _binding.BindInput(tensor.Name, value);
                }
                else
                {
                    _binding.BindOutput(tensor.Name, value);
                }
            }
        }

        return bytes;
    }
}
