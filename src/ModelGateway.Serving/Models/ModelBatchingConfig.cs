namespace ModelGateway.Serving.Models;

/// <summary>Whether and how requests that wait for one model are run together.</summary>
public sealed record ModelBatchingConfig
{
    /// <summary>Rows of one run unless the model says otherwise. Where batches pay on a CPU, they have gained nearly all they can by then.</summary>
    public const int DefaultMaxBatchSize = 32;

    /// <summary>Whether.</summary>
    public BatchingMode Mode { get; init; } = BatchingMode.Automatic;

    /// <summary>Most rows that are put together. A request that has more by itself runs alone.</summary>
    public int MaxBatchSize { get; init; } = DefaultMaxBatchSize;

    /// <summary>Rows that a batch should have, where so many wait; empty for no preference.</summary>
    public IReadOnlyList<int> PreferredSizes { get; init; } = [];

    /// <summary>How long a request waits for others although it could run; null or zero: not at all.</summary>
    public TimeSpan? MaxDelay { get; init; }
}

/// <summary>Whether requests are run together.</summary>
public enum BatchingMode
{
    /// <summary>Each request has a run of its own.</summary>
    Off,

    /// <summary>Whatever waits together runs together, unless trying it at load shows that this changes answers.</summary>
    On,

    /// <summary>Where trying it at load shows that it changes no answer, and where measuring shows that it pays.</summary>
    Automatic,
}
