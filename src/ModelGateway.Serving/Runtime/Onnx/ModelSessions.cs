using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>The sessions of one loaded model, and which of them a run takes. Any thread.</summary>
/// <remarks>
/// <para>A model starts with one session, whose runs use no thread but their caller's. Two things are made in the background while it serves, by <see cref="SessionMaker"/>:</para>
/// <para>A session on the pool that all models share, once a run was long and other cores were idle meanwhile. <see cref="PoolGain"/> says which of the two a run takes.</para>
/// <para>Of a tiny model further sessions like the first, one for each core, once its runs overlap: every run of a session takes one lock of ONNX Runtime's and counts in its
/// memory, which costs runs of some microseconds that overlap on two cores a quarter more, and now and then a turn of the scheduler (measured: 3.7 and 3.0 microseconds a run).</para>
/// <para><c>_own</c> is replaced as a whole and <c>_pooled</c> set once, both under <c>_gate</c>.</para>
/// </remarks>
internal sealed class ModelSessions : IDisposable
{
    private static readonly CoreStripes Cores = new(4);

    private readonly ModelSignature _signature;
    private readonly RunsUnderWay _runs;
    private readonly PoolGain _gain;
    private readonly FurtherSessions? _further;
    private readonly CancellationTokenSource _gone = new();
    private readonly Lock _gate = new();
    private volatile ModelSession[] _own;
    private volatile ModelSession? _pooled;
    private long _measured;
    private int _isGrowing;
    private int _isPooling;
    private bool _isDisposed;

    /// <param name="first">Taken over.</param>
    /// <param name="signature">Of the graph.</param>
    /// <param name="runs">Of the process.</param>
    /// <param name="threads">Of the shared pool.</param>
    /// <param name="further">Makes the others; null where the first must do.</param>
    public ModelSessions(InferenceSession first, ModelSignature signature, RunsUnderWay runs, int threads, FurtherSessions? further)
    {
        _signature = signature;
        _runs = runs;
        _gain = new PoolGain(threads);
        _further = further;
        _own = [new ModelSession(first, new BoundRuns(first, signature, Grow))];
    }

    /// <summary>Sessions like the first.</summary>
    public int OwnCount => _own.Length;

    /// <summary>There is one on the shared pool besides.</summary>
    public bool HasPooled => _pooled is not null;

    /// <summary>The session for a run that begins now; <see cref="End"/> must follow.</summary>
    /// <param name="inputs">Its inputs.</param>
    public SessionTurn Begin(IReadOnlyList<NamedTensor> inputs)
    {
        ModelSession[] own = _own;
        ModelSession session = own.Length == 1 ? own[0] : own[Cores.Mine & (own.Length - 1)];
        long bytes = BytesOf(inputs);
        if (_gain.IsShort(bytes) && !IsToBeMeasured())
        {
            return new SessionTurn(session);
        }

        long began = _runs.Begin();
        if (_pooled is { } pooled && _gain.Prefers(bytes, RunsUnderWay.CountAt(began)))
        {
            session = pooled;
        }

        return new SessionTurn(session) { Began = began, Started = Stopwatch.GetTimestamp(), Bytes = bytes };
    }

    /// <summary>The run is over.</summary>
    /// <param name="turn">What <see cref="Begin"/> gave.</param>
    /// <param name="isDone">It succeeded.</param>
    public void End(in SessionTurn turn, bool isDone)
    {
        if (turn.Began == 0)
        {
            return;
        }

        bool wasAlone = _runs.End(turn.Began);
        int running = RunsUnderWay.CountAt(turn.Began);
        bool isPooled = ReferenceEquals(turn.Session, _pooled);
        if (isDone && (wasAlone || (!isPooled && running < _gain.Threads)))
        {
            _gain.Count(turn.Bytes, isPooled, Stopwatch.GetTimestamp() - turn.Started);
            if (_further is not null && _gain.IsPromising(turn.Bytes, running) && Interlocked.Exchange(ref _isPooling, 1) == 0)
            {
                SessionMaker.Post(AddPooled);
            }
        }
    }

    /// <summary>Frees all of them, and what is being made as soon as it is; no run may be under way.</summary>
    public void Dispose()
    {
        _gone.Cancel();
        lock (_gate)
        {
            _isDisposed = true;
            Array.ForEach(_own, static session => session.Dispose());
            _pooled?.Dispose();
        }

        _gone.Dispose();
    }

    private static long BytesOf(IReadOnlyList<NamedTensor> inputs)
    {
        long bytes = 0;
        for (int i = 0; i < inputs.Count; i++)
        {
            bytes += inputs[i].Tensor.Data.Length;
        }

        return bytes;
    }

    // Once a millisecond at most: a short run on inputs of some size need not stay short.
    private bool IsToBeMeasured()
    {
        long now = Environment.TickCount64;
        return now != Volatile.Read(ref _measured) && now != Interlocked.Exchange(ref _measured, now);
    }

    private void Grow()
    {
        if (_further is { IsTiny: true } && Cores.Count > 1 && Interlocked.Exchange(ref _isGrowing, 1) == 0)
        {
            SessionMaker.Post(AddOwn);
        }
    }

    private void AddOwn() => Add(Cores.Count - 1, isPooled: false, made => _own = [.. _own, .. made]);

    private void AddPooled() => Add(1, isPooled: true, made => _pooled = made[0]);

    [SuppressMessage("Design", "CA1031", Justification = "On the thread of all such makings; whatever it is, the model goes on with the sessions it has.")]
    private void Add(int count, bool isPooled, Action<IReadOnlyList<ModelSession>> add)
    {
        List<ModelSession> made = [];
        try
        {
            while (made.Count < count)
            {
                InferenceSession session = _further!.Make(isPooled, _gone.Token);
                made.Add(new ModelSession(session, new BoundRuns(session, _signature, static () => { })));
            }
        }
        catch (Exception exception)
        {
            made.ForEach(static session => session.Dispose());
            if (!Volatile.Read(ref _isDisposed))
            {
                _further!.Failed(exception);
            }

            return;
        }

        lock (_gate)
        {
            if (!_isDisposed)
            {
                add(made);
                return;
            }
        }

        made.ForEach(static session => session.Dispose());
    }
}

/// <summary>A session, for one run.</summary>
/// <param name="Session">It.</param>
internal readonly record struct SessionTurn(ModelSession Session)
{
    /// <summary>What <see cref="RunsUnderWay.Begin"/> said; 0 where the run is not counted.</summary>
    public long Began { get; init; }

    /// <summary>A timestamp of <see cref="Stopwatch"/>.</summary>
    public long Started { get; init; }

    /// <summary>Of the inputs.</summary>
    public long Bytes { get; init; }
}

/// <summary>How a model that serves already gets further sessions.</summary>
/// <param name="IsTiny">One for each core may pay.</param>
/// <param name="Make">Makes one, on the shared pool or not; takes as long as a load, and throws what a load throws.</param>
/// <param name="Failed">Told why there is none; the model goes on with those that it has.</param>
internal sealed record FurtherSessions(bool IsTiny, Func<bool, CancellationToken, InferenceSession> Make, Action<Exception> Failed);
