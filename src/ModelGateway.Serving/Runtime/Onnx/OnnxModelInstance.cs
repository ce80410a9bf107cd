using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// One session, or of a tiny model one for each core. Runs may overlap: a session is safe for that, each run has run options of its own from <c>_runOptions</c>,
/// and everything native that a run makes is disposed before it returns.
/// </summary>
/// <remarks>
/// Every run of a session takes one lock of ONNX Runtime's and counts in its memory, which costs runs of some microseconds that overlap on two cores a quarter more, and now
/// and then a turn of the scheduler (measured: 3.7 and 3.0 microseconds a run). So where runs of a tiny model overlap for the first time, further
/// sessions are made in the background. <c>_lanes</c> is replaced as a whole, under <c>_gate</c>.
/// </remarks>
internal sealed class OnnxModelInstance : IModelInstance
{
    private static readonly CoreStripes Cores = new(4);

    private readonly Func<InferenceSession>? _another;
    private readonly bool _shrinkArena;
    private readonly string[] _allOutputs;
    private readonly ConcurrentBag<RunOptions> _runOptions = [];
    private readonly Lock _gate = new();
    private volatile Lane[] _lanes;
    private int _isGrowing;
    private bool _isDisposed;

    /// <param name="session">Taken over.</param>
    /// <param name="signature">Of the graph.</param>
    /// <param name="metadata">What the file says of itself.</param>
    /// <param name="memoryEstimate">In bytes, further sessions included.</param>
    /// <param name="shrinkArena">There is an arena to be shrunk.</param>
    /// <param name="another">Makes a further session of the same graph; null where one must do.</param>
    public OnnxModelInstance(
        InferenceSession session, ModelSignature signature, ModelMetadata metadata, long memoryEstimate, bool shrinkArena, Func<InferenceSession>? another = null)
    {
        _another = another;
        _shrinkArena = shrinkArena;
        _allOutputs = [.. signature.Outputs.Select(output => output.Name)];
        _lanes = [new Lane(session, new BoundRuns(session, signature, Grow))];
        Signature = signature;
        Metadata = metadata;
        MemoryEstimate = memoryEstimate;
    }

    public ModelSignature Signature { get; }

    public ModelMetadata Metadata { get; }

    public long MemoryEstimate { get; }

    /// <summary>Sessions that there are.</summary>
    internal int Sessions => _lanes.Length;

    public IReadOnlyList<OutputValue> Run(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Lane[] lanes = _lanes;
        (InferenceSession session, BoundRuns bound) = lanes[Cores.Mine & (lanes.Length - 1)];
        RunOptions options = RentOptions();
        try
        {
            // Disposing the registration waits for a callback under way, so a late one cannot stop the next run.
            using CancellationTokenRegistration stop = cancellationToken.UnsafeRegister(static state => ((RunOptions)state!).Terminate = true, options);
            bool isRefused = false;
            using (BoundSlot? slot = bound.TryRent(inputs, outputs))
            {
                if (slot is not null)
                {
                    try
                    {
                        return slot.Run(session, options, inputs);
                    }
                    catch (OnnxRuntimeException) when (!cancellationToken.IsCancellationRequested)
                    {
                        // The inputs are at fault, or the bound outputs are: the usual way tells.
                        isRefused = true;
                    }
                }
            }

            long started = Stopwatch.GetTimestamp();
            OutputValue[] made = RunUnbound(session, options, inputs, outputs);
            if (isRefused)
            {
                bound.TurnOff();
            }
            else if (Stopwatch.GetElapsedTime(started) < BoundRuns.LongestRun)
            {
                bound.Learn(inputs, outputs, made, options);
            }

            return made;
        }
        catch (OnnxRuntimeException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OnnxRuntimeException exception)
        {
            throw OnnxErrors.ToRunException(exception);
        }
        finally
        {
            options.Terminate = false;
            _runOptions.Add(options);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach ((InferenceSession session, BoundRuns bound) in _lanes)
            {
                bound.Dispose();
                session.Dispose();
            }
        }

        while (_runOptions.TryTake(out RunOptions? options))
        {
            options.Dispose();
        }

        NativeHeap.GiveBack(MemoryEstimate);
    }

    private void Grow()
    {
        if (_another is not null && Cores.Count > 1 && Interlocked.Exchange(ref _isGrowing, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.AddLanes(), this, preferLocal: false);
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "On a thread of the pool, and whatever it is, the first session goes on alone.")]
    private void AddLanes()
    {
        List<Lane> added = [];
        try
        {
            while (added.Count < Cores.Count - 1)
            {
                InferenceSession session = _another!();
                added.Add(new Lane(session, new BoundRuns(session, Signature, static () => { })));
            }
        }
        catch (Exception)
        {
            added.ForEach(static lane => lane.Session.Dispose());
            return;
        }

        lock (_gate)
        {
            if (!_isDisposed)
            {
                _lanes = [.. _lanes, .. added];
                return;
            }
        }

        added.ForEach(static lane => lane.Session.Dispose());
    }

    private RunOptions RentOptions()
    {
        if (_runOptions.TryTake(out RunOptions? options))
        {
            return options;
        }

        // What a run has to say comes as an exception. Logged as well it would be in the way, and it may quote the caller's tensors.
        options = new RunOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
        if (_shrinkArena)
        {
            options.AddRunConfigEntry("memory.enable_memory_arena_shrinkage", "cpu:0");
        }

        return options;
    }

    private OutputValue[] RunUnbound(InferenceSession session, RunOptions options, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs)
    {
        using var native = new OnnxInputs(inputs);
        IReadOnlyCollection<string> names = outputs as IReadOnlyCollection<string> ?? _allOutputs;
        using IDisposableReadOnlyCollection<OrtValue> values = session.Run(options, native.Names, native.Values, names);
        return ReadOutputs(outputs ?? _allOutputs, values);
    }

    private OutputValue[] ReadOutputs(IReadOnlyList<string> names, IDisposableReadOnlyCollection<OrtValue> values)
    {
        var outputs = new OutputValue[names.Count];
        int read = 0;
        try
        {
            for (; read < outputs.Length; read++)
            {
                OutputSpec spec = Signature.Outputs[Signature.IndexOfOutput(names[read])];
                outputs[read] = OnnxOutputs.Read(names[read], values[read], spec);
            }

            return outputs;
        }
        catch
        {
            foreach (OutputValue output in outputs.AsSpan(0, read))
            {
                output.Dispose();
            }

            throw;
        }
    }

    private sealed record Lane(InferenceSession Session, BoundRuns Bound);
}
