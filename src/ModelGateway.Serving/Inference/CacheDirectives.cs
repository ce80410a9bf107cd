namespace ModelGateway.Serving.Inference;

/// <summary>How a caller wants the cache used; the directives of a request's <c>Cache-Control</c> (RFC 9111, section 5.2.1).</summary>
public sealed record CacheDirectives
{
    /// <summary>Nothing said: as the model's rules have it.</summary>
    public static CacheDirectives None { get; } = new();

    /// <summary>Neither answered from the cache nor remembered, nor shared with an equal request.</summary>
    public bool NoStore { get; init; }

    /// <summary>Run anew, and remembered.</summary>
    public bool NoCache { get; init; }

    /// <summary>Answered from the cache or not at all.</summary>
    public bool OnlyIfCached { get; init; }

    /// <summary>The oldest answer that is welcome; null for any that is fresh.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>Whose entries are used; null where all callers share theirs.</summary>
    public string? Tenant { get; init; }

    /// <summary>Why the request must pass the cache by, as metrics name it; null where it need not.</summary>
    public string? Refusal { get; init; }
}
