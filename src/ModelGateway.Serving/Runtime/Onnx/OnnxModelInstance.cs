using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// One session. Runs may overlap: the session is safe for that, each run has run options of its own from <c>_runOptions</c>,
/// and everything native that a run makes is disposed before it returns.
/// </summary>
internal sealed class OnnxModelInstance : IModelInstance
{
    private readonly InferenceSession _session;
    private readonly bool _shrinkArena;
    private readonly string[] _allOutputs;
    private readonly ConcurrentBag<RunOptions> _runOptions = [];
    private readonly BoundRuns _bound;

    public OnnxModelInstance(InferenceSession session, ModelSignature signature, ModelMetadata metadata, long memoryEstimate, bool shrinkArena)
    {
        _session = session;
        _shrinkArena = shrinkArena;
        _allOutputs = [.. signature.Outputs.Select(output => output.Name)];
        _bound = new BoundRuns(session, signature);
        Signature = signature;
        Metadata = metadata;
        MemoryEstimate = memoryEstimate;
    }

    public ModelSignature Signature { get; }

    public ModelMetadata Metadata { get; }

    public long MemoryEstimate { get; }

    public IReadOnlyList<OutputValue> Run(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RunOptions options = RentOptions();
        try
        {
            // Disposing the registration waits for a callback under way, so a late one cannot stop the next run.
            using CancellationTokenRegistration stop = cancellationToken.UnsafeRegister(static state => ((RunOptions)state!).Terminate = true, options);
            bool isRefused = false;
            using (BoundSlot? slot = _bound.TryRent(inputs, outputs))
            {
                if (slot is not null)
                {
                    try
                    {
                        return slot.Run(_session, options, inputs);
                    }
                    catch (OnnxRuntimeException) when (!cancellationToken.IsCancellationRequested)
                    {
                        // The inputs are at fault, or the bound outputs are: the usual way tells.
                        isRefused = true;
                    }
                }
            }

            long started = Stopwatch.GetTimestamp();
            OutputValue[] made = RunUnbound(options, inputs, outputs);
            if (isRefused)
            {
                _bound.TurnOff();
            }
            else if (Stopwatch.GetElapsedTime(started) < BoundRuns.LongestRun)
            {
                _bound.Learn(inputs, outputs, made, options);
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
        _bound.Dispose();
        _session.Dispose();
        while (_runOptions.TryTake(out RunOptions? options))
        {
            options.Dispose();
        }

        NativeHeap.GiveBack(MemoryEstimate);
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

    private OutputValue[] RunUnbound(RunOptions options, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs)
    {
        using var native = new OnnxInputs(inputs);
        IReadOnlyCollection<string> names = outputs as IReadOnlyCollection<string> ?? _allOutputs;
        using IDisposableReadOnlyCollection<OrtValue> values = _session.Run(options, native.Names, native.Values, names);
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
