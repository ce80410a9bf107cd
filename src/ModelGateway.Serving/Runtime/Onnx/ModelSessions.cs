using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>The sessions of one loaded model, and which of them a run takes. Any thread.</summary>
/// <remarks>
/// <para>A model starts with one session, of the kind that its configuration asks for; by default its runs use the pool that all models share. Two things are made in the background
/// while it serves, by <see cref="SessionMaker"/>, and where they cannot be made all stays as it was:</para>
/// <para>A session whose runs use no thread but their caller's, where that is likely to get more done. <see cref="PoolGain"/> says which of the two a run takes; those
/// under a tenth of a millisecond always take it, unasked.</para>
/// <para>Of a tiny model further sessions like the first, one for each core, once its runs overlap: every run of a session takes one lock of ONNX Runtime's and counts in its
/// memory, which costs runs of some microseconds that overlap on two cores a quarter more, and now and then a turn of the scheduler (measured: 3.7 and 3.0 microseconds a run).</para>
/// <para><c>_first</c> is replaced as a whole and <c>_own</c> set once, both under <c>_gate</c>.</para>
/// </remarks>
internal sealed class ModelSessions : IDisposable
{
    private static readonly CoreStripes Cores = new(4);

    private readonly ModelSignature _signature;
    private readonly RunsUnderWay? _runs;
    private readonly PoolGain _gain;
    private readonly FurtherSessions? _further;
    private readonly CancellationTokenSource _goingAway = new();
    private readonly CancellationToken _gone;
    private readonly Lock _gate = new();
    private volatile ModelSession[] _first;
    private volatile ModelSession? _own;
    private long _measured;
    private int _isFirstAsked;
    private int _isOwnAsked;
    private bool _isDisposed;

    /// <param name="first">Taken over.</param>
    /// <param name="signature">Of the graph.</param>
    /// <param name="runs">Where runs are counted; null for those of a model that uses no core.</param>
    /// <param name="threads">Of the shared pool.</param>
    /// <param name="further">Makes the others; null where the first must do.</param>
    public ModelSessions(InferenceSession first, ModelSignature signature, RunsUnderWay? runs, int threads, FurtherSessions? further)
    {
        _signature = signature;
        _runs = runs;
        _gain = new PoolGain(threads);
        _further = further;
        _gone = _goingAway.Token;
        _first = [new ModelSession(first, new BoundRuns(first, signature, AskForFirst))];
    }

    /// <summary>Sessions like the first.</summary>
    public int FirstCount => _first.Length;

    /// <summary>There is one besides whose runs use no thread but their caller's.</summary>
    public bool HasOwn => _own is not null;

    /// <summary>The session for a run that begins now; <see cref="End"/> must follow.</summary>
    /// <param name="inputs">Its inputs.</param>
    public SessionTurn Begin(IReadOnlyList<NamedTensor> inputs)
    {
        ModelSession[] first = _first;
        ModelSession session = first.Length == 1 ? first[0] : first[Cores.Mine & (first.Length - 1)];
        long bytes = NamedTensor.BytesOf(inputs);
        ModelSession? own = _own;
        bool isShort = _gain.IsShort(bytes);
        if (_runs is null || (isShort && !IsToBeMeasured()))
        {
            return new SessionTurn(own is null || _further!.IsTiny ? session : own);
        }

        long began = _runs.Begin();
        if (own is not null && (isShort ? !_further!.IsTiny : !_gain.Prefers(bytes, RunsUnderWay.CountAt(began))))
        {
            session = own;
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

        bool wasAlone = _runs!.End(turn.Began);
        bool isPooled = !ReferenceEquals(turn.Session, _own);
        if (!isDone)
        {
            return;
        }

        _gain.Count(turn.Bytes, isPooled, Stopwatch.GetTimestamp() - turn.Started, wasAlone);
        if (_further is { MayHaveOwn: true, IsTiny: var isTiny } && _isOwnAsked == 0 && _gain.IsOwnWanted(turn.Bytes, isTiny) && Interlocked.Exchange(ref _isOwnAsked, 1) == 0)
        {
            SessionMaker.Post(() => Add(1, isPooled: false, made => _own = made[0]));
        }
    }

    /// <summary>Frees all of them, and what is being made as soon as that is possible; no run may be under way.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        _goingAway.Cancel();
        Array.ForEach(_first, static session => session.Dispose());
        _own?.Dispose();
        _goingAway.Dispose();
    }

    // Once a millisecond at most: a short run on inputs of some size need not stay short.
    private bool IsToBeMeasured()
    {
        long now = Environment.TickCount64;
        return now != Volatile.Read(ref _measured) && now != Interlocked.Exchange(ref _measured, now);
    }

    private void AskForFirst()
    {
        if (_further is { IsTiny: true } && Cores.Count > 1 && Interlocked.Exchange(ref _isFirstAsked, 1) == 0)
        {
            SessionMaker.Post(() => Add(Cores.Count - 1, isPooled: true, made => _first = [.. _first, .. made]));
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever it is, the model goes on with the sessions it has.")]
    private void Add(int count, bool isPooled, Action<IReadOnlyList<ModelSession>> add)
    {
        List<ModelSession> made = [];
        try
        {
            while (made.Count < count)
            {
                _gone.ThrowIfCancellationRequested();
                InferenceSession session = _further!.Make(isPooled, _gone);
                made.Add(new ModelSession(session, new BoundRuns(session, _signature, static () => { })));
            }

            lock (_gate)
            {
                if (!_isDisposed)
                {
                    add(made);
                    return;
                }
            }
        }
        catch (Exception exception)
        {
            if (!_gone.IsCancellationRequested)
            {
                _further!.Failed(exception);
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
/// <param name="IsTiny">One like the first for each core may pay.</param>
/// <param name="MayHaveOwn">So may one without the pool.</param>
/// <param name="Make">Makes one, on the shared pool or without it; takes as long as a load, and throws what a load throws.</param>
/// <param name="Failed">Told why there is none; the model goes on with those that it has.</param>
internal sealed record FurtherSessions(bool IsTiny, bool MayHaveOwn, Func<bool, CancellationToken, InferenceSession> Make, Action<Exception> Failed);
