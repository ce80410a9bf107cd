namespace ModelGateway.Serving.Caching;

/// <summary>How <see cref="SharedPredictions"/> treats its store.</summary>
public sealed record SharedPredictionOptions
{
    /// <summary>The longest that a request waits for the store, and that a probe may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest that a call may take that no request waits for: a write, a purge.</summary>
    public TimeSpan BackgroundTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Failures in a row after which the store is not asked; also reached, later, where more than a fifth of the calls fail.</summary>
    public int BreakerFailures { get; init; } = 5;

    /// <summary>From the opening of the breaker to the first probe; doubled after each failed one.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Where the doubling ends. A store that is well again is asked again after this time at the latest.</summary>
    public TimeSpan LongestProbeInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Writes that wait, at most.</summary>
    public int WriteQueueLength { get; init; } = 4096;

    /// <summary>Bytes of payload that wait, at most.</summary>
    public long WriteQueueBytes { get; init; } = 64 << 20;

    /// <summary>Writes under way at the same time.</summary>
    public int ParallelWrites { get; init; } = 8;

    /// <summary>The share by which a lifetime may be shortened at random, so that what was made together does not expire together.</summary>
    public double LifetimeJitter { get; init; } = 0.1;

    /// <summary>The largest payload that is written or read; bytes. The store may have a smaller limit of its own.</summary>
    public int MaxValueBytes { get; init; } = 8 << 20;

    /// <summary>The keys, or null for plain values. The caller's, to dispose afterwards.</summary>
    public CacheEncryption? Encryption { get; init; }

    /// <summary>Whether payloads are compressed where it pays.</summary>
    public bool Compress { get; init; } = true;
}
