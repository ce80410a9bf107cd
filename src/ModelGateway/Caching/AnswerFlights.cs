using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;

namespace ModelGateway.Caching;

/// <summary>
/// Requests that are being answered, by the bytes of their bodies: who sends the same meanwhile waits for that answer, and is neither routed nor parsed.
/// What <c>PredictionFlights</c> does for equal tensors, a level further out.
/// </summary>
/// <remarks>As in <see cref="AnswerCache"/>, equal hashes of different bodies join nothing: the body is compared in full.</remarks>
internal sealed class AnswerFlights
{
    private readonly ConcurrentDictionary<UInt128, AnswerFlight> _flights = new();

    /// <summary>Flights under way.</summary>
    public int Count => _flights.Count;

    /// <summary>Begins the flight of a request, which others may join; null where one is under way.</summary>
    /// <param name="hash">Of the request.</param>
    /// <param name="request">All of it but the body.</param>
    /// <param name="body">The body; it is copied.</param>
    /// <param name="limit">The time that a prediction of this model may take.</param>
    public AnswerFlight? Begin(UInt128 hash, in AnswerRequest request, ReadOnlySpan<byte> body, TimeSpan limit)
    {
        if (_flights.ContainsKey(hash))
        {
            return null;
        }

        var flight = new AnswerFlight(this, hash, request, body.ToArray(), limit);
        return _flights.TryAdd(hash, flight) ? flight : null;
    }

    /// <summary>The flight of the same request with the same body; null where none is under way.</summary>
    public AnswerFlight? Find(UInt128 hash, in AnswerRequest request, ReadOnlySpan<byte> body) =>
        _flights.TryGetValue(hash, out AnswerFlight? flight) && flight.Request == request && flight.RequestBody.AsSpan().SequenceEqual(body) ? flight : null;

    public void Remove(AnswerFlight flight) => _flights.TryRemove(KeyValuePair.Create(flight.Hash, flight));
}

/// <summary>One answer in the making, and those who wait for it.</summary>
/// <remarks>
/// It ends for all of them when the time of the one who began it is over. So that this is not much earlier than their own is, one is joined only in the first
/// part of that time; later ones go the usual way.
/// </remarks>
internal sealed class AnswerFlight : IDisposable
{
    private const int JoinedFor = 8;

    // Of a timer's own range, about half.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(20);

    private readonly PredictionFlight<AnswerLanding> _callers = new();
    private readonly AnswerFlights _flights;
    private readonly TimeSpan _limit;
    private readonly long _lastToJoin;
    private Timer? _deadline;
    private volatile bool _wasJoined;
    private int _isLanded;

    /// <param name="flights">What it is listed in.</param>
    /// <param name="hash">Of the request.</param>
    /// <param name="request">All of it but the body.</param>
    /// <param name="requestBody">Its own copy of the body: others compare theirs with it at any time.</param>
    /// <param name="limit">The time that a prediction of this model may take.</param>
    public AnswerFlight(AnswerFlights flights, UInt128 hash, AnswerRequest request, byte[] requestBody, TimeSpan limit)
    {
        (_flights, Hash, Request, RequestBody, _limit) = (flights, hash, request, requestBody, limit < LongestTimer ? limit : LongestTimer);
        _lastToJoin = Stopwatch.GetTimestamp() + (long)(limit.TotalSeconds / JoinedFor * Stopwatch.Frequency);
    }

    public UInt128 Hash { get; }

    public AnswerRequest Request { get; }

    public byte[] RequestBody { get; }

    /// <summary>Cancelled when nobody waits any more, also not the one who began it.</summary>
    public CancellationToken Abandoned => _callers.Abandoned;

    /// <summary>A place for one caller more; null where all have left, or it is too late.</summary>
    /// <param name="now">A timestamp of <see cref="Stopwatch"/>.</param>
    public FlightSeat<AnswerLanding>? TryJoin(long now)
    {
        if (now > _lastToJoin)
        {
            return null;
        }

        // Before it is so: who closes the flight must not miss anybody.
        _wasJoined = true;
        if (!_callers.TryJoin())
        {
            return null;
        }

        if (_deadline is null)
        {
            // The one who began it has a deadline, but may be held up by a run that does not look at it.
            var deadline = new Timer(static flight => ((AnswerFlight)flight!).Land(AnswerLanding.OutOfTime), this, _limit, Timeout.InfiniteTimeSpan);
            if (Interlocked.CompareExchange(ref _deadline, deadline, null) is not null || _isLanded != 0)
            {
                deadline.Dispose();
            }
        }

        return _callers.TakeSeat();
    }

    /// <summary>What is left of a caller's time, at least nothing.</summary>
    public TimeSpan LeftAfter(TimeSpan waited) => waited < _limit ? _limit - waited : TimeSpan.Zero;

    /// <summary>Nobody joins any more. Returns whether anybody did.</summary>
    public bool Close()
    {
        _callers.Close();
        return _wasJoined;
    }

    /// <summary>With this token, the one who began it stops waiting.</summary>
    public CancellationTokenRegistration LeaveWith(CancellationToken caller) => caller.UnsafeRegister(static state => ((AnswerFlight)state!)._callers.Leave(), this);

    /// <summary>Ends it for those who wait; the first landing counts.</summary>
    public void Land(AnswerLanding landing)
    {
        if (Interlocked.Exchange(ref _isLanded, 1) == 0)
        {
            _flights.Remove(this);
            _deadline?.Dispose();
            _callers.Land(landing);
        }
    }

    /// <summary>For the one who began it, whatever happened to him: those who joined wait no longer.</summary>
    public void Dispose()
    {
        Land(AnswerLanding.Nothing);
        _callers.Dispose();
    }
}

/// <summary>What a flight ends with for those who joined it.</summary>
internal sealed class AnswerLanding
{
    /// <summary>No answer that could be shared: each goes on alone.</summary>
    public static AnswerLanding Nothing { get; } = new();

    /// <summary>The time is over.</summary>
    public static AnswerLanding OutOfTime { get; } = new() { Error = PredictError.DeadlineExceeded() };

    /// <summary>The answer; null where there is none.</summary>
    public AnswerContent? Content { get; private init; }

    /// <summary>Of the answer, what to say of the cache.</summary>
    public CacheReport Report { get; private init; }

    /// <summary>Why there is no answer for anybody; null where that is not said.</summary>
    public PredictError? Error { get; private init; }

    /// <summary>An exception that no one foresaw.</summary>
    public ExceptionDispatchInfo? Fault { get; private init; }

    /// <summary>An answer, and how it was found for the one who began the flight.</summary>
    public static AnswerLanding Of(AnswerContent content, CacheReport first) => new()
    {
        Content = content,
        Report = first.Use == CacheUse.Hit ? first : new CacheReport(CacheUse.Collapsed),
    };

    /// <summary>What kept one caller from an answer, where it keeps the others from it too: not so where it was the state of the queue.</summary>
    public static AnswerLanding Of(PredictError error) => error.Kind is PredictErrorKind.QueueFull or PredictErrorKind.Cancelled ? Nothing : new() { Error = error };

    public static AnswerLanding Of(ExceptionDispatchInfo fault) => new() { Fault = fault };
}
