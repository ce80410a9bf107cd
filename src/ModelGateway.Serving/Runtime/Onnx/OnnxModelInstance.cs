using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// A graph in its sessions. Runs may overlap: a session is safe for that, each run has run options of its own from <c>_runOptions</c>,
/// and everything native that a run makes is disposed before it returns.
/// </summary>
internal sealed class OnnxModelInstance : IModelInstance
{
    private readonly ModelSessions _sessions;
    private readonly bool _shrinkArena;
    private readonly string[] _allOutputs;
    private readonly ConcurrentBag<RunOptions> _runOptions = [];

    /// <param name="sessions">Taken over.</param>
    /// <param name="signature">Of the graph.</param>
    /// <param name="metadata">What the file says of itself.</param>
    /// <param name="memoryEstimate">In bytes, further sessions included.</param>
    /// <param name="shrinkArena">There is an arena to be shrunk.</param>
    public OnnxModelInstance(ModelSessions sessions, ModelSignature signature, ModelMetadata metadata, long memoryEstimate, bool shrinkArena)
    {
        _sessions = sessions;
        _shrinkArena = shrinkArena;
        _allOutputs = [.. signature.Outputs.Select(output => output.Name)];
        Signature = signature;
        Metadata = metadata;
        MemoryEstimate = memoryEstimate;
    }

    public ModelSignature Signature { get; }

    public ModelMetadata Metadata { get; }

    public long MemoryEstimate { get; }

    /// <summary>What it runs in.</summary>
    internal ModelSessions Sessions => _sessions;

    public IReadOnlyList<OutputValue> Run(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RunOptions options = RentOptions();
        SessionTurn turn = _sessions.Begin(inputs);
        bool isDone = false;
        try
        {
            // Disposing the registration waits for a callback under way, so a late one cannot stop the next run.
            using CancellationTokenRegistration stop = cancellationToken.UnsafeRegister(static state => ((RunOptions)state!).Terminate = true, options);
            OutputValue[] made = Run(turn.Session, options, inputs, outputs, cancellationToken);
            isDone = true;
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
            _sessions.End(turn, isDone);
        }
    }

    public void Dispose()
    {
        _sessions.Dispose();
        while (_runOptions.TryTake(out RunOptions? options))
        {
            options.Dispose();
        }

        NativeHeap.GiveBack(MemoryEstimate);
    }

    private OutputValue[] Run(
        ModelSession own, RunOptions options, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellationToken)
    {
        (InferenceSession session, BoundRuns bound) = own;
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
}
