using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Inference;

/// <summary>Either a response, which the caller then owns, or an error.</summary>
public readonly struct PredictResult
{
    private PredictResult(PredictResponse? response, PredictError? error, PredictTimings timings, CacheReport cache)
    {
        Response = response;
        Error = error;
        Timings = timings;
        Cache = cache;
    }

    /// <summary>The answer, or null.</summary>
    public PredictResponse? Response { get; }

    /// <summary>The refusal, or null.</summary>
    public PredictError? Error { get; }

    /// <summary>Where the time went, also where there is no response.</summary>
    public PredictTimings Timings { get; }

    /// <summary>What the cache did, also where there is no response.</summary>
    public CacheReport Cache { get; }

    /// <summary>A prediction was made.</summary>
    [MemberNotNullWhen(true, nameof(Response))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsSuccess => Response is not null;

    /// <summary>A success.</summary>
    public static PredictResult Success(PredictResponse response, CacheReport cache = default) => new(response, null, response.Timings, cache);

    /// <summary>A refusal.</summary>
    public static PredictResult Failure(PredictError error, PredictTimings timings = default, CacheReport cache = default) => new(null, error, timings, cache);
}
