namespace ModelGateway.Serving.Caching;

/// <summary>Settings of the prediction cache; where a model sets its own, those count.</summary>
public sealed record CacheOptions
{
    /// <summary>Whether anything is remembered at all.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>What predictions may take up in memory; bytes.</summary>
    public long MaxBytes { get; init; } = 64 << 20;

    /// <summary>How long a prediction is fresh.</summary>
    public TimeSpan Ttl { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The largest answer that is remembered; bytes of all its tensors.</summary>
    public long MaxValueBytes { get; init; } = 4 << 20;

    /// <summary>Makes the keys a keyed hash, so that who reads the store cannot test what was asked; the same in all replicas. Null for none.</summary>
    public byte[]? KeySecret { get; init; }

    /// <summary>Whether replicas wait for each other's runs of one request, through the store.</summary>
    public bool CoalesceAcrossReplicas { get; init; }

    /// <summary>Whatever of the gateway's own settings can change a result: replicas that differ in it do not share.</summary>
    public string Runtime { get; init; } = "";

    /// <summary>Time between two looks at the epochs in the store, for purges whose announcement was missed.</summary>
    public TimeSpan EpochInterval { get; init; } = TimeSpan.FromSeconds(5);
}
