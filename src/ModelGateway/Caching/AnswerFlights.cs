using System.Collections.Concurrent;
using System.Globalization;
using ModelGateway.Protocols;
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

    /// <summary>Begins the flight of a request, which others may join until it lands; null where one is under way.</summary>
    public AnswerFlight? Begin(UInt128 hash, in AnswerRequest request, ReadOnlySpan<byte> body)
    {
        if (_flights.ContainsKey(hash))
        {
            return null;
        }

        var flight = new AnswerFlight(this, hash, request, body.ToArray());
        return _flights.TryAdd(hash, flight) ? flight : null;
    }

    /// <summary>The flight of the same request with the same body; null where none is under way.</summary>
    public AnswerFlight? Find(UInt128 hash, in AnswerRequest request, ReadOnlySpan<byte> body) =>
        _flights.TryGetValue(hash, out AnswerFlight? flight) && flight.Request == request && flight.RequestBody.AsSpan().SequenceEqual(body) ? flight : null;

    public void Remove(AnswerFlight flight) => _flights.TryRemove(KeyValuePair.Create(flight.Hash, flight));
}

/// <summary>One answer in the making, and those who wait for it.</summary>
/// <param name="flights">What it is listed in.</param>
/// <param name="hash">Of the request.</param>
/// <param name="request">All of it but the body.</param>
/// <param name="requestBody">Its own copy of the body: others compare theirs with it at any time.</param>
internal sealed class AnswerFlight(AnswerFlights flights, UInt128 hash, AnswerRequest request, byte[] requestBody) : IDisposable
{
    private readonly PredictionFlight<AnswerLanding> _callers = new();
    private volatile bool _wasJoined;
    private bool _isLanded;

    public UInt128 Hash { get; } = hash;

    public AnswerRequest Request { get; } = request;

    public byte[] RequestBody { get; } = requestBody;

    /// <summary>Cancelled when nobody waits any more, also not the one who began it.</summary>
    public CancellationToken Abandoned => _callers.Abandoned;

    /// <summary>A place for one caller more; null where all have left.</summary>
    public FlightSeat<AnswerLanding>? TryJoin()
    {
        // Before it is so: who closes the flight must not miss anybody.
        _wasJoined = true;
        return _callers.TryJoin() ? _callers.TakeSeat() : null;
    }

    /// <summary>Nobody joins any more. Returns whether anybody did.</summary>
    public bool Close()
    {
        _callers.Close();
        return _wasJoined;
    }

    /// <summary>With this token, the one who began it stops waiting.</summary>
    public CancellationTokenRegistration LeaveWith(CancellationToken caller) => caller.UnsafeRegister(static state => ((AnswerFlight)state!)._callers.Leave(), this);

    /// <summary>Ends it for those who wait. For the one who began it, who may call it again: the first landing counts.</summary>
    public void Land(AnswerLanding landing)
    {
        if (!_isLanded)
        {
            _isLanded = true;
            flights.Remove(this);
            _callers.Dispose();
            _callers.Land(landing);
        }
    }

    /// <summary>Whatever happened to the one who began it: those who joined wait no longer.</summary>
    public void Dispose() => Land(AnswerLanding.Nothing);
}

/// <summary>What a flight ends with for those who joined it.</summary>
internal sealed class AnswerLanding
{
    /// <summary>No answer that could be shared: each goes on alone.</summary>
    public static AnswerLanding Nothing { get; } = new();

    /// <summary>The model's time was over; each goes on with what is left of its own.</summary>
    public static AnswerLanding OutOfTime { get; } = new() { IsOutOfTime = true };

    /// <summary>The answer; null where there is none.</summary>
    public AnswerContent? Content { get; private init; }

    /// <summary>Of the answer, what to say of the cache.</summary>
    public CacheReport Report { get; private init; }

    /// <summary>Why there is no answer for anybody; null where that is not said.</summary>
    public PredictError? Error { get; private init; }

    public bool IsOutOfTime { get; private init; }

    /// <summary>An answer, and how it was found for the one who began the flight.</summary>
    public static AnswerLanding Of(AnswerContent content, CacheReport first) => new()
    {
        Content = content,
        Report = first.Use == CacheUse.Hit ? first : new CacheReport(CacheUse.Collapsed),
    };

    /// <summary>What kept one caller from an answer, where it would keep the others from it too.</summary>
    public static AnswerLanding Of(PredictError error) => error.Kind switch
    {
        PredictErrorKind.DeadlineExceeded => OutOfTime,
        PredictErrorKind.ModelRefused or PredictErrorKind.RunFailed => new() { Error = error },
        _ => Nothing,
    };

    /// <summary>The time that one who waited has left of the model's, as a header that stands for it on the rest of the way.</summary>
    public static void SetTimeLeft(IHeaderDictionary headers, TimeSpan left) =>
        headers[RequestTimeout.Header] = string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, (long)left.TotalMilliseconds)}ms");
}
