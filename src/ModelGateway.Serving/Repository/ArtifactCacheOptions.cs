namespace ModelGateway.Serving.Repository;

/// <summary>Bounds of the artifact cache and of the downloads into it.</summary>
public sealed record ArtifactCacheOptions
{
    /// <summary>
    /// What the files on disk may add up to; bytes. Those used longest ago go first. Files in use stay, and with them the cache may be
    /// larger than this.
    /// </summary>
    public long MaxBytes { get; init; } = 20L << 30;

    /// <summary>Ranges that are downloaded at the same time, all loads together.</summary>
    public int Parallelism { get; init; } = 8;

    /// <summary>Objects are downloaded in ranges of this length; bytes.</summary>
    public int PieceBytes { get; init; } = 8 << 20;

    /// <summary>How often a request that brings nothing is sent before the fetch fails, and a damaged object fetched anew.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Pause before the second attempt; each further one is twice as long.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Downloads that broke off are kept this long, to be gone on with.</summary>
    public TimeSpan PartialLifetime { get; init; } = TimeSpan.FromDays(1);
}
