using Microsoft.Extensions.Primitives;
using ModelGateway.Protocols;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Transport;

namespace ModelGateway.Caching;

/// <summary>Leads requests past the finished answers: which request may use them, and which answer is still fresh.</summary>
internal sealed class RepeatedAnswers(AnswerCache answers, AnswerFlights flights, KnownPaths paths, TimeProvider time)
{
    // Others join only what arrives in one piece, in front of routing.
    public const int LargestShared = BlockPool.BlockSize;

    // The economy of a model is one for all threads, and a line that each hit writes would go from core to core. Of several models each gets its share in the long run.
    private const int CountedAtOnce = 8;

    [ThreadStatic]
    private static int _hits;

    /// <summary>Looks for the answer of a body.</summary>
    /// <param name="http">The request.</param>
    /// <param name="asked">The model and version that it names.</param>
    /// <param name="servable">What would answer.</param>
    /// <param name="protocol">The dialect.</param>
    /// <param name="wish">What the request says of the cache.</param>
    /// <param name="body">Its body.</param>
    /// <param name="started">The timestamp at which the body was there.</param>
    public RepeatedAnswer Look(HttpContext http, in ModelSpec asked, Servable servable, IPredictProtocol protocol, CacheDirectives wish, ReadOnlySpan<byte> body, long started)
    {
        bool wantsRun = IsToBeReplaced(servable, wish);
        if (!wantsRun && !MayAnswer(servable, wish))
        {
            return default;
        }

        AnswerRequest request = RequestOf(http, asked, servable, protocol, wish);
        UInt128 hash = answers.Hash(request, body);
        if (wantsRun)
        {
            return new RepeatedAnswer { Hash = hash, Request = request, IsReplaced = !answers.IsOff };
        }

        if (answers.IsOff)
        {
            return new RepeatedAnswer { Hash = hash, Request = request, WasSeen = answers.WasSeen(hash) };
        }

        if (FindFresh(hash, request, servable, wish, body, time.GetTimestamp(), out TimeSpan age) is { } found)
        {
            return new RepeatedAnswer
            {
                Found = found,
                Report = new CacheReport(CacheUse.Hit, time.GetElapsedTime(started)) { Age = age, TimeToLive = found.Freshness.FreshFor - age, Detail = "answer" },
            };
        }

        servable.Metrics.CountLookup(CacheLevel.Answer, CacheOutcome.Miss);
        bool wasSeen = answers.WasSeen(hash);
        return new RepeatedAnswer { Hash = hash, Request = request, WasSeen = wasSeen, ShouldKeep = wasSeen };
    }

    /// <summary>Whether a version's answers may be given again to a caller who wishes this.</summary>
    public static bool MayAnswer(Servable servable, CacheDirectives wish) =>
        servable.Cache is { Rules.Refusal: null } && wish is { NoStore: false, NoCache: false, Refusal: null };

    private static bool IsToBeReplaced(Servable servable, CacheDirectives wish) =>
        servable.Cache is { Rules.Refusal: null } && wish is { NoCache: true, NoStore: false, OnlyIfCached: false, Refusal: null };

    /// <summary>
    /// The answer to a request whose path is known, at a timestamp of the clock; null where there is none that is fresh. Counts hits only: of a miss, the next to
    /// look says so.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="path">Where it would go.</param>
    /// <param name="servable">What would answer.</param>
    /// <param name="wish">What the request says of the cache.</param>
    /// <param name="body">Its body.</param>
    /// <param name="now">The timestamp.</param>
    /// <param name="age">The age of the answer.</param>
    /// <param name="flight">Where there is no answer: the same request under way, which this one may join; null for none.</param>
    public FinishedAnswer? Find(
        HttpContext http, KnownPath path, Servable servable, CacheDirectives wish, ReadOnlySpan<byte> body, long now, out TimeSpan age, out AnswerFlight? flight)
    {
        age = default;
        AnswerRequest request = RequestOf(http, path.Asked, servable, path.Protocol, wish);
        UInt128 hash = answers.Hash(request, body);
        FinishedAnswer? found = answers.IsOff ? null : FindFresh(hash, request, servable, wish, body, now, out age);
        flight = found is null && flights.Find(hash, request, body) is { } underWay && MayShare(http.Request.Headers, wish) ? underWay : null;
        return found;
    }

    /// <summary>
    /// Begins a flight for a request that was seen before and is about to be answered: whoever sends it again meanwhile waits for the same answer. Null where
    /// nobody is to join: its time is its own, its model does not stand in its path, it is too large, or another flight is under way.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="look">What was found for it.</param>
    /// <param name="request">As it was read.</param>
    /// <param name="body">Its body.</param>
    /// <param name="limit">The time that a prediction of this model may take.</param>
    public AnswerFlight? Begin(HttpContext http, in RepeatedAnswer look, PredictRequest request, ReadOnlySpan<byte> body, TimeSpan limit)
    {
        if (!look.WasSeen || body.Length > LargestShared || request.Timeout is not null || !MayShare(http.Request.Headers, request.Cache) || paths.Find(http.Request) is null)
        {
            return null;
        }

        return flights.Begin(look.Hash, look.Request, body, limit);
    }

    /// <summary>Counts one who got the answer of a flight that he joined.</summary>
    public void CountJoined(Servable servable)
    {
        if (!answers.IsOff)
        {
            servable.Metrics.CountLookup(CacheLevel.Answer, CacheOutcome.Miss);
        }

        servable.Metrics.CountLookup(CacheLevel.Flight, CacheOutcome.Hit);
        servable.Cache!.Economy.CountHit();
    }

    // Who wants none but a young answer, or gives it a time of his own, waits for his own.
    private static bool MayShare(IHeaderDictionary headers, CacheDirectives wish) =>
        wish is { OnlyIfCached: false, MaxAge: null } && headers[RequestTimeout.Header].Count == 0 && headers.GrpcTimeout.Count == 0;

    private static AnswerRequest RequestOf(HttpContext http, in ModelSpec asked, Servable servable, IPredictProtocol protocol, CacheDirectives wish)
    {
        StringValues start = protocol.TakesBinary ? http.Request.Headers[InferenceHeader.Name] : default;
        return new AnswerRequest(asked, servable.Cache!.Scope, protocol, start.Count == 0 ? null : start.ToString(), wish.Tenant);
    }

    private FinishedAnswer? FindFresh(UInt128 hash, in AnswerRequest request, Servable servable, CacheDirectives wish, ReadOnlySpan<byte> body, long now, out TimeSpan age)
    {
        age = default;
        if (answers.Find(hash, request, body) is not { } found)
        {
            return null;
        }

        age = time.GetElapsedTime(found.MadeTimestamp, Math.Max(now, found.MadeTimestamp));
        if (age > found.Freshness.FreshFor)
        {
            answers.Forget(hash, found);
            return null;
        }

        if (age > wish.MaxAge)
        {
            // Too old for this caller, and as good as before for the others.
            return null;
        }

        servable.Metrics.CountLookup(CacheLevel.Answer, CacheOutcome.Hit);
        if (++_hits >= CountedAtOnce)
        {
            servable.Cache!.Economy.CountHits(_hits);
            _hits = 0;
        }

        return found;
    }

    /// <summary>Forgets what others would get, when there is a younger answer.</summary>
    /// <param name="look">What was found for the request.</param>
    /// <param name="requestBody">The request's body.</param>
    public void Forget(in RepeatedAnswer look, ReadOnlySpan<byte> requestBody)
    {
        if (answers.Find(look.Hash, look.Request, requestBody) is { } found)
        {
            answers.Forget(look.Hash, found);
        }
    }

    /// <summary>Keeps what was answered, for the next one.</summary>
    /// <param name="look">What was found for the request.</param>
    /// <param name="freshness">Of the answer.</param>
    /// <param name="requestBody">The request's body, which stays the caller's.</param>
    /// <param name="content">The answer.</param>
    public void Keep(in RepeatedAnswer look, Freshness freshness, ReadOnlySpan<byte> requestBody, AnswerContent content)
    {
        // Another replica's clock may be ahead.
        TimeSpan age = time.GetUtcNow() - freshness.MadeAt;
        age = age < TimeSpan.Zero ? TimeSpan.Zero : age;
        // Purged meanwhile, stale already, or more than is kept: before anything is copied.
        if (ReferenceEquals(freshness.Scope, look.Request.Scope) && age <= freshness.FreshFor && answers.Takes(requestBody.Length + content.Body.Length))
        {
            answers.Keep(look.Hash, new FinishedAnswer(look.Request, requestBody.ToArray(), content, freshness, time.GetTimestamp() - (long)(age.TotalSeconds * time.TimestampFrequency)));
        }
    }
}

/// <summary>What a look for a finished answer found.</summary>
internal readonly struct RepeatedAnswer
{
    /// <summary>The answer; null where there is none that is fresh.</summary>
    public FinishedAnswer? Found { get; init; }

    /// <summary>What to say of it.</summary>
    public CacheReport Report { get; init; }

    /// <summary>The same was asked for before, and not long ago.</summary>
    public bool WasSeen { get; init; }

    /// <summary>The answer that will be made should be kept.</summary>
    public bool ShouldKeep { get; init; }

    /// <summary>The answer that will be made is younger than the one that others would get.</summary>
    public bool IsReplaced { get; init; }

    public UInt128 Hash { get; init; }

    public AnswerRequest Request { get; init; }
}
