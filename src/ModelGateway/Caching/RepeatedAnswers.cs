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
        if (answers.IsOff || servable.Cache is not { Rules.Refusal: null } cache || wish is { NoStore: true } or { NoCache: true } or { Refusal: not null })
        {
            return default;
        }

        StringValues start = protocol.TakesBinary ? http.Request.Headers[InferenceHeader.Name] : default;
        var request = new AnswerRequest(asked, cache.Scope, protocol, start.Count == 0 ? null : start.ToString(), wish.Tenant);
        UInt128 hash = answers.Hash(request, body);
        if (answers.Find(hash, request, body) is { } found)
        {
            TimeSpan age = time.GetUtcNow() - found.Freshness.MadeAt;
            age = age < TimeSpan.Zero ? TimeSpan.Zero : age;
            if (age <= found.Freshness.FreshFor && age <= (wish.MaxAge ?? TimeSpan.MaxValue))
            {
                servable.Metrics.CountLookup(CacheLevel.Answer, CacheOutcome.Hit);
                cache.Economy.CountHit();
                return new RepeatedAnswer
                {
                    Found = found,
                    Report = new CacheReport(CacheUse.Hit, time.GetElapsedTime(started)) { Age = age, TimeToLive = found.Freshness.FreshFor - age, Detail = "answer" },
                };
            }

            answers.Forget(hash, found);
        }

        servable.Metrics.CountLookup(CacheLevel.Answer, CacheOutcome.Miss);
        return new RepeatedAnswer { Hash = hash, Request = request, ShouldKeep = answers.WasSeen(hash) };
    }

    /// <summary>Keeps what was answered, for the next one.</summary>
    public void Keep(in RepeatedAnswer look, HttpResponse response, Freshness freshness, ReadOnlySpan<byte> requestBody, byte[] body)
    {
        // Purged meanwhile, stale already, or more than is kept: before anything is copied.
        if (!ReferenceEquals(freshness.Scope, look.Request.Scope) || time.GetUtcNow() > freshness.MadeAt + freshness.FreshFor || !answers.Takes(requestBody.Length + body.Length))
        {
            return;
        }

        StringValues start = response.Headers[InferenceHeader.Name];
        answers.Keep(look.Hash, new FinishedAnswer(
            look.Request, requestBody.ToArray(), body, response.ContentType ?? "", start.Count == 0 ? null : start.ToString(), freshness));
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
