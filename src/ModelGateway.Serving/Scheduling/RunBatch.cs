using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// Requests that were taken out of the queue together. They become one run; if that fails, each half becomes one, until only those fail that fail alone.
/// </summary>
/// <remarks>
/// Used by the one thread that runs it, but for what <c>_gate</c> guards, who stays and whether it is over: callers may leave at any time, and the run is
/// stopped when all have. Who leaves alone ends with the others: its tensors may be read until then.
/// </remarks>
internal sealed class RunBatch(IReadOnlyList<PendingRun> members) : IThreadPoolWorkItem, IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private int _staying = members.Count;
    private bool _isOver;

    /// <summary>Why the rows of an answer could not be told apart; null while nothing stood in the way.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>Bytes of the first one's inputs.</summary>
    public long FirstBytes => members[0].Bytes;

    /// <summary>One caller less; to be called once for each.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (--_staying == 0 && !_isOver)
            {
                // Elsewhere: what is called back may take its time.
                _ = _stop.CancelAsync();
            }
        }
    }

    /// <summary>After the run; callers may still leave.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
        }

        _stop.Dispose();
    }

    /// <summary>Answers all.</summary>
    public void Execute()
    {
        for (int i = 0; i < members.Count; i++)
        {
            members[i].End();
        }
    }

    /// <summary>Runs all, and sets every member's result. Throws nothing.</summary>
    /// <param name="instance">What runs.</param>
    /// <param name="count">Told of each run that succeeded.</param>
    public void Run(IModelInstance instance, Action<RunFigures> count) => Run(instance, members, count);

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a run throws is thrown to its caller, who logs and answers it; the thread belongs to all.")]
    private static void RunAlone(IModelInstance instance, PendingRun run, Action<RunFigures> count)
    {
        long started = Stopwatch.GetTimestamp();
        TimeSpan waited = run.WaitedUntilNow();
        try
        {
            IReadOnlyList<OutputValue> outputs = instance.Run(run.Inputs, run.Outputs, run.Stop);
            long ended = Stopwatch.GetTimestamp();
            run.Result = new RunOutcome(waited, Stopwatch.GetElapsedTime(started, ended)) { Outputs = outputs };
            count(new RunFigures(run.Rows, run.Bytes, 1, 0, ended - started, 0));
        }
        catch (Exception exception)
        {
            run.Result = new RunOutcome(waited, Stopwatch.GetElapsedTime(started)) { Fault = exception };
        }
    }

    private void Run(IModelInstance instance, IReadOnlyList<PendingRun> runs, Action<RunFigures> count)
    {
        List<PendingRun> present = Present(runs);
        if (present.Count <= 1 || Obstacle is not null)
        {
            present.ForEach(run => RunAlone(instance, run, count));
        }
        else if (!TryRunTogether(instance, present, count))
        {
            int half = present.Count / 2;
            Run(instance, present.GetRange(0, half), count);
            Run(instance, present.GetRange(half, present.Count - half), count);
        }
    }

    private static List<PendingRun> Present(IReadOnlyList<PendingRun> runs)
    {
        var present = new List<PendingRun>(runs.Count);
        for (int i = 0; i < runs.Count; i++)
        {
            if (runs[i].Stop.IsCancellationRequested)
            {
                runs[i].Result = new RunOutcome(runs[i].WaitedUntilNow(), default) { Fault = new OperationCanceledException(runs[i].Stop) };
            }
            else
            {
                present.Add(runs[i]);
            }
        }

        return present;
    }

    [SuppressMessage("Design", "CA1031", Justification = "What fails together is tried in parts; what then fails alone is thrown to its caller.")]
    private bool TryRunTogether(IModelInstance instance, List<PendingRun> runs, Action<RunFigures> count)
    {
        TimeSpan[] waited = [.. runs.Select(run => run.WaitedUntilNow())];
        NamedTensor[] inputs = [];
        IReadOnlyList<OutputValue> outputs = [];
        try
        {
            long begun = Stopwatch.GetTimestamp();
            inputs = BatchTensors.Join(runs);
            long joined = Stopwatch.GetTimestamp();
            outputs = instance.Run(inputs, runs[0].Outputs, _stop.Token);
            long ran = Stopwatch.GetTimestamp();
            if (!BatchTensors.TrySplit(outputs, runs, out OutputValue[][]? parts, out string? obstacle))
            {
                Obstacle = obstacle;
                return false;
            }

            long split = Stopwatch.GetTimestamp();
            for (int i = 0; i < runs.Count; i++)
            {
                runs[i].Result = new RunOutcome(waited[i], Stopwatch.GetElapsedTime(begun, split)) { Outputs = parts[i] };
            }

            count(new RunFigures(inputs[0].Tensor.Shape[0], NamedTensor.BytesOf(inputs), runs.Count, joined - begun, ran - joined, split - ran));
            return true;
        }
        catch (Exception)
        {
            // Called off by all, too: then nobody is present for what follows.
            return false;
        }
        finally
        {
            foreach (NamedTensor input in inputs)
            {
                input.Tensor.Dispose();
            }

            foreach (OutputValue output in outputs)
            {
                output.Dispose();
            }
        }
    }
}

/// <summary>What one run was; times in ticks of <see cref="Stopwatch"/>.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Bytes">Of all inputs.</param>
/// <param name="Requests">Requests that shared it.</param>
/// <param name="JoinTicks">Putting the inputs together.</param>
/// <param name="RunTicks">The graph, with the copy of its outputs.</param>
/// <param name="SplitTicks">Taking the outputs apart.</param>
internal readonly record struct RunFigures(long Rows, long Bytes, int Requests, long JoinTicks, long RunTicks, long SplitTicks);
