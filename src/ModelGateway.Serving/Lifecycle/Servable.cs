using System.Diagnostics;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>One loaded version of one model.</summary>
/// <remarks>
/// Lives as long as someone holds it: the manager holds it once, every request once through a <see cref="ServableHandle"/>.
/// <c>_holders</c> counts the requests; when the manager has let go and none is left, the session, the artifact and the metrics are disposed, in that
/// order, and nobody takes hold again. A session must not be disposed while a run is in flight: ONNX Runtime does not guard that.
/// </remarks>
public sealed class Servable
{
    private readonly IModelInstance _instance;
    private readonly ModelArtifact _artifact;
    private readonly Action<Servable> _unloaded;
    private readonly HolderCount _holders = new();

    internal Servable(ServableId id, ModelConfig config, ModelArtifact artifact, IModelInstance instance, InstancePool pool, ServableMetrics metrics, Action<Servable> unloaded)
    {
        Id = id;
        Config = config;
        Pool = pool;
        Metrics = metrics;
        _artifact = artifact;
        _instance = instance;
        Signature = instance.Signature;
        _unloaded = unloaded;
        Touch();
    }

    /// <summary>Model and version.</summary>
    public ServableId Id { get; }

    /// <summary>The configuration it was loaded with.</summary>
    public ModelConfig Config { get; }

    /// <summary>Inputs and outputs: the graph's, with the names of columns that the version's files add.</summary>
    public ModelSignature Signature { get; internal set; }

    /// <summary>What the file says of itself.</summary>
    public ModelMetadata Metadata => _instance.Metadata;

    /// <summary>The artifact's digest, lower-case hexadecimal SHA-256.</summary>
    public string Digest => _artifact.Digest;

    /// <summary>An estimate of the native memory held, in bytes.</summary>
    public long MemoryEstimate => _instance.MemoryEstimate;

    /// <summary>Per output, the class names from the configuration or from <c>labels.txt</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> ClassLabels { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>
    /// Inputs that ran without error while the version warmed up, for documentation; empty where none is known.
    /// Not pooled and never disposed: it lives as long as the servable.
    /// </summary>
    public IReadOnlyList<NamedTensor> Example { get; init; } = [];

    /// <summary>
    /// The model is marked <c>rows_independent</c>, and trying it at load bore it out: each row of a batch is answered by that row alone, in
    /// every output. It holds for requests that leave the optional inputs out.
    /// </summary>
    public bool AnswersRowsAlone { get; init; }

    /// <summary>From the start of fetching until Ready.</summary>
    public TimeSpan LoadTime { get; internal set; }

    /// <summary>When it became Ready.</summary>
    public DateTimeOffset ReadyAt { get; internal set; }

    /// <summary>The running totals.</summary>
    public required ServableStatistics Statistics { get; init; }

    /// <summary>The metric series.</summary>
    public ServableMetrics Metrics { get; }

    /// <summary>The requests that may run at a time.</summary>
    public InstancePool Pool { get; }

    /// <summary>How requests come to run.</summary>
    public required RunScheduler Scheduler { get; init; }

    /// <summary>It leaves the memory for others and will come back: what its answers are remembered in waits for it.</summary>
    internal bool ComesBack { get; set; }

    /// <summary>When a request last took hold of it, or when it was loaded; a timestamp of <see cref="Stopwatch"/>.</summary>
    internal long LastUsed => _holders.LastNoted;

    /// <summary>Nobody holds it but the manager; the next moment a request may.</summary>
    internal bool IsIdle => _holders.IsZero;

    /// <summary>What its answers are remembered in; null for nothing.</summary>
    public ServableCache? Cache { get; internal set; }

    /// <summary>Notes that it is used now.</summary>
    internal void Touch() => Touch(Stopwatch.GetTimestamp());

    /// <summary>Notes that it is used at a timestamp of <see cref="Stopwatch"/>.</summary>
    internal void Touch(long now) => _holders.Note(now);

    /// <summary>Takes a handle unless the servable is already being disposed.</summary>
    internal ServableHandle? TryAcquire()
    {
        if (_holders.TryEnter(out bool isLast))
        {
            Touch();
            return new ServableHandle(this);
        }

        if (isLast)
        {
            Dispose();
        }

        return null;
    }

    /// <summary>The manager lets go: no request takes hold any more, and the last one out disposes.</summary>
    internal void Retire()
    {
        if (_holders.LetGo())
        {
            Dispose();
        }
    }

    /// <summary>Holds it for one more, such as a flight that its first caller may leave. To be called by who holds a handle, also of a version that is on its way out.</summary>
    internal void HoldAgain() => _holders.EnterAgain();

    /// <summary>Takes that back.</summary>
    internal void ReleaseAgain()
    {
        if (_holders.LeaveAgain())
        {
            Dispose();
        }
    }

    /// <summary>A request lets go.</summary>
    internal void Release()
    {
        if (_holders.Leave())
        {
            Dispose();
        }
    }

    private void Dispose()
    {
        if (ComesBack)
        {
            Cache?.Rest();
        }
        else
        {
            Cache?.Dispose();
        }

        _instance.Dispose();
        _artifact.Dispose();
        Metrics.Dispose();
        _unloaded(this);
    }
}
