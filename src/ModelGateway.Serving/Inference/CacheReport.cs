namespace ModelGateway.Serving.Inference;

/// <summary>What the cache did for one request: what <c>Cache-Status</c> (RFC 9211) says.</summary>
/// <param name="Use">How the answer came to be.</param>
/// <param name="Lookup">Time spent on the key and on looking.</param>
public readonly record struct CacheReport(CacheUse Use, TimeSpan Lookup = default)
{
    /// <summary>For answers from the cache: their age.</summary>
    public TimeSpan Age { get; init; }

    /// <summary>For answers from the cache: how long they stay fresh; negative for stale ones.</summary>
    public TimeSpan TimeToLive { get; init; }

    /// <summary>The answer is remembered from now on.</summary>
    public bool Stored { get; init; }

    /// <summary>The rows that the model ran for, where that is not the whole batch: the others were remembered, or equal to one of these. Null for all.</summary>
    public int? RowsRun { get; init; }

    /// <summary>Why the cache was passed by, or where the answer was found; of a small fixed set.</summary>
    public string? Detail { get; init; }
}

/// <summary>How an answer came to be.</summary>
public enum CacheUse
{
    /// <summary>The cache was passed by.</summary>
    Bypass,

    /// <summary>It was remembered.</summary>
    Hit,

    /// <summary>Nothing was remembered; the model ran.</summary>
    Miss,

    /// <summary>What was remembered is too old; the model ran.</summary>
    Stale,

    /// <summary>The caller wanted a run.</summary>
    Request,

    /// <summary>An equal request was running; the answer is its.</summary>
    Collapsed,

    /// <summary>Some rows were remembered; the model ran for the others.</summary>
    Partial,
}
