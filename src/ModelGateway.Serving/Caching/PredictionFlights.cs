using System.Collections.Concurrent;

namespace ModelGateway.Serving.Caching;

/// <summary>The runs under way by key: equal requests share one.</summary>
/// <typeparam name="TKey">What equal requests have in common.</typeparam>
/// <typeparam name="TResult">What a flight ends with.</typeparam>
public sealed class PredictionFlights<TKey, TResult>
    where TKey : struct, IEquatable<TKey>
{
    private readonly ConcurrentDictionary<TKey, PredictionFlight<TResult>> _flights = new();

    /// <summary>Flights under way.</summary>
    public int Count => _flights.Count;

    /// <summary>Enters the flight of a key, or begins one.</summary>
    /// <param name="key">Of the request.</param>
    /// <param name="leads">Whether the caller began it: it must then see to it that the flight ends.</param>
    public PredictionFlight<TResult> Enter(TKey key, out bool leads)
    {
        while (true)
        {
            if (_flights.TryGetValue(key, out PredictionFlight<TResult>? flight) && flight.TryJoin())
            {
                leads = false;
                return flight;
            }

            // What stands there, if anything, has been left by all: it ends by itself and takes away no other than itself.
            var mine = new PredictionFlight<TResult>();
            if (flight is null ? _flights.TryAdd(key, mine) : _flights.TryUpdate(key, mine, flight))
            {
                leads = true;
                return mine;
            }
        }
    }

    /// <summary>Takes a flight off the list, so that the next request begins another one. Do it when its result can be found elsewhere, and before <see cref="PredictionFlight{TResult}.Land"/>.</summary>
    public void Remove(TKey key, PredictionFlight<TResult> flight) => _flights.TryRemove(KeyValuePair.Create(key, flight));
}

/// <summary>
/// One run for any number of equal requests. Each of its callers waits with its own patience and may leave; when all have left, it is stopped.
/// </summary>
/// <remarks>
/// <c>_gate</c> guards the count of callers and who is told of the end; nothing is called under it. Whoever began the flight goes on where it lands, without
/// another turn of the thread pool: it is mostly the only one. The others are many perhaps, and each gets a turn of its own.
/// </remarks>
public sealed class PredictionFlight<TResult> : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<TResult> _first = new();
    private FlightSeat<TResult>? _seats;
    private int _callers = 1;
    private bool _firstHasLeft;
    private bool _isClosed;
    private bool _isLanded;
    private TResult? _result;
    private bool _isDisposed;

    /// <summary>Cancelled when nobody waits any more.</summary>
    public CancellationToken Abandoned => _stop.Token;

    /// <summary>Completes with the flight, or when its first caller leaves; never fails. For that caller alone, who goes on at once, on the thread that lands it.</summary>
    public Task<TResult> LandedForFirst => _first.Task;

    /// <summary>Completes with the flight; never fails.</summary>
    public Task<TResult> Landed => TakeSeat().Task;

    /// <summary>A place to wait for the end, for a caller who joined.</summary>
    public FlightSeat<TResult> TakeSeat()
    {
        var seat = new FlightSeat<TResult>(this);
        lock (_gate)
        {
            if (!_isLanded)
            {
                seat.Next = _seats;
                _seats = seat;
                return seat;
            }
        }

        seat.Land(_result!);
        return seat;
    }

    /// <summary>Who waits now.</summary>
    public int Callers
    {
        get
        {
            lock (_gate)
            {
                return _callers;
            }
        }
    }

    /// <summary>Nobody waits but the first caller: then its own patience holds for the flight.</summary>
    public bool IsOfFirstAlone
    {
        get
        {
            lock (_gate)
            {
                return _callers == 1 && !_firstHasLeft;
            }
        }
    }

    /// <summary>One caller more, unless all have left already.</summary>
    public bool TryJoin()
    {
        lock (_gate)
        {
            if (_callers == 0 || _isClosed)
            {
                return false;
            }

            _callers++;
            return true;
        }
    }

    /// <summary>Nobody enters any more. Returns how many callers wait.</summary>
    public int Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            return _callers;
        }
    }

    /// <summary>One caller less. To be called once by a caller that does not wait for the end.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            if (--_callers > 0 || _isDisposed)
            {
                return;
            }

            // Not under the lock of a caller: what is cancelled here ends a run or a wait, and both end elsewhere.
            _ = _stop.CancelAsync();
        }
    }

    /// <summary>The first caller leaves before the end, and goes on with <paramref name="instead"/>.</summary>
    public void LeaveFirst(TResult instead)
    {
        lock (_gate)
        {
            _firstHasLeft = true;
        }

        Leave();
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.First.TrySetResult(state.Instead), (First: _first, Instead: instead), preferLocal: false);
    }

    /// <summary>Gives every caller the result. The last thing to be done: the first caller's request goes on within this call.</summary>
    public void Land(TResult result)
    {
        FlightSeat<TResult>? seat;
        lock (_gate)
        {
            (_isLanded, _result) = (true, result);
            (seat, _seats) = (_seats, null);
        }

        for (; seat is not null; seat = seat.Next)
        {
            seat.Land(result);
        }

        _first.TrySetResult(result);
    }

    /// <summary>After the flight ended; callers may still leave.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
        }

        _stop.Dispose();
    }
}

/// <summary>Where one caller who joined a flight waits for its end. Each goes on in a turn of the thread pool of its own.</summary>
public sealed class FlightSeat<TResult>
{
    private readonly TaskCompletionSource<TResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PredictionFlight<TResult> _flight;

    internal FlightSeat(PredictionFlight<TResult> flight) => _flight = flight;

    /// <summary>Completes with the flight, or when this caller leaves; never fails.</summary>
    public Task<TResult> Task => _result.Task;

    // The list of the flight, guarded by its gate.
    internal FlightSeat<TResult>? Next { get; set; }

    /// <summary>This caller leaves before the end, and goes on with <paramref name="instead"/>.</summary>
    public void Leave(TResult instead)
    {
        _flight.Leave();
        _result.TrySetResult(instead);
    }

    internal void Land(TResult result) => _result.TrySetResult(result);
}
