using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Settings of the model life cycle and of the bounds that hold where a model sets none of its own.</summary>
public sealed record ServingOptions
{
    /// <summary>How long files without a manifest must stay unchanged before they are loaded.</summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Models loaded at the same time, each on a thread of its own.</summary>
    public int LoadParallelism { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 4);

    /// <summary>Where artifacts are copied to before they are loaded.</summary>
    public string ArtifactFolder { get; init; } = Path.Combine(Path.GetTempPath(), $"modelgateway-{Environment.UserName}");

    /// <summary>Requests that may wait for an instance of one model.</summary>
    public int QueueLength { get; init; } = 1000;

    /// <summary>
    /// What loaded models may take up together, by estimate; bytes. Over it, those used longest ago are unloaded and come back when a request
    /// asks for them.
    /// </summary>
    public long MemoryBudget { get; init; } = long.MaxValue;

    /// <summary>Models are loaded when the first request asks for them, in place of when they are found.</summary>
    public bool LoadOnDemand { get; init; }

    /// <summary>Longest time for waiting and running together.</summary>
    public TimeSpan PredictTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Long runs at the same time, of all models together, on threads of their own.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>Time before a load that failed for want of a disk or a store is tried again.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest time of one run that warms a version up; a first run may well take longer than those that follow.</summary>
    public TimeSpan WarmupTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Which versions are believed.</summary>
    public SignaturePolicy Signatures { get; init; } = SignaturePolicy.Off;

    /// <summary>Keys of encrypted files.</summary>
    public EncryptionKeys Encryption { get; init; } = EncryptionKeys.None;
}
