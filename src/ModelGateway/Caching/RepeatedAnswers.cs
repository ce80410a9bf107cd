using Microsoft.Extensions.Primitives;
using ModelGateway.Protocols;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Caching;

/// <summary>Leads requests past the finished answers: which request may use them, and which answer is still fresh.</summary>
internal sealed class RepeatedAnswers(AnswerCache answers, TimeProvider time)
{
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
        if (answers.IsOff || !MayAnswer(servable, wish))
        {
            return default;
        }

        AnswerRequest request = RequestOf(http, asked, servable, protocol, wish);
        UInt128 hash = answers.Hash(request, body);
        if (FindFresh(hash, request, servable, wish, body, time.GetTimestamp(), out TimeSpan age) is { } found)
        {
            return new RepeatedAnswer
            {
                Found = found,
                Report = new CacheReport(CacheUse.Hit, time.GetElapsedTime(started)) { Age = age, TimeToLive = found.Freshness.FreshFor - age, Detail = "answer" },
            };
        }

        servable.Metrics.CountLookup(CacheLevel.Answer, CacheOutcome.Miss);
        return new RepeatedAnswer { Hash = hash, Request = request, ShouldKeep = answers.WasSeen(hash) };
    }

    /// <summary>Whether a version's answers may be given again to a caller who wishes this.</summary>
    public static bool MayAnswer(Servable servable, CacheDirectives wish) =>
        servable.Cache is { Rules.Refusal: null } && wish is { NoStore: false, NoCache: false, Refusal: null };

    /// <summary>
    /// The answer to a request whose path is known, at a timestamp of the clock; null where there is none that is fresh. Counts hits only: of a miss, the next to
    /// look says so.
    /// </summary>
    public FinishedAnswer? Find(HttpContext http, KnownPath path, Servable servable, CacheDirectives wish, ReadOnlySpan<byte> body, long now, out TimeSpan age)
    {
        age = default;
        if (answers.IsOff)
        {
            return null;
        }

        AnswerRequest request = RequestOf(http, path.Asked, servable, path.Protocol, wish);
        return FindFresh(answers.Hash(request, body), request, servable, wish, body, now, out age);
    }

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
        if (age > found.Freshness.FreshFor || age > (wish.MaxAge ?? TimeSpan.MaxValue))
        {
            answers.Forget(hash, found);
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

    /// <summary>Keeps what was answered, for the next one.</summary>
    public void Keep(in RepeatedAnswer look, HttpResponse response, Freshness freshness, ReadOnlySpan<byte> requestBody, byte[] body)
    {
        // Another replica's clock may be ahead.
        TimeSpan age = time.GetUtcNow() - freshness.MadeAt;
        age = age < TimeSpan.Zero ? TimeSpan.Zero : age;
        // Purged meanwhile, stale already, or more than is kept: before anything is copied.
        if (!ReferenceEquals(freshness.Scope, look.Request.Scope) || age > freshness.FreshFor || !answers.Takes(requestBody.Length + body.Length))
        {
            return;
        }

        StringValues start = response.Headers[InferenceHeader.Name];
        answers.Keep(look.Hash, new FinishedAnswer(
            look.Request, requestBody.ToArray(), body, response.ContentType ?? "", start.Count == 0 ? null : start.ToString(), freshness, time.GetTimestamp() - (long)(age.TotalSeconds * time.TimestampFrequency)));
    }
}

/// <summary>What a look for a finished answer found.</summary>
internal readonly struct RepeatedAnswer
{
    /// <summary>The answer; null where there is none that is fresh.</summary>
    public FinishedAnswer? Found { get; init; }

    /// <summary>What to say of it.</summary>
    public CacheReport Report { get; init; }

    /// <summary>The answer that will be made should be kept.</summary>
    public bool ShouldKeep { get; init; }

    public UInt128 Hash { get; init; }

    public AnswerRequest Request { get; init; }
}
