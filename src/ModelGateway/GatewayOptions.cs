using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.Caching;
using ModelGateway.Limits;
using ModelGateway.Observability.Tracing;
using ModelGateway.Platforms;
using ModelGateway.Repositories;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Transport.Tls;
using ModelGateway.Trust;

namespace ModelGateway;

/// <summary>
/// The section <c>Gateway</c>. Every key is also an environment variable (<c>Gateway__Repository</c>). The descriptions are those
/// of the table in the README, which a test holds against this class.
/// </summary>
internal sealed class GatewayOptions
{
    public const string Section = "Gateway";

    [Description("Managed service that runs the container: None, SageMaker, Vertex or AzureMl. Adds its routes and takes its variables as defaults. Default: found by the argument `serve`, `AIP_MODE` or `AZUREML_MODEL_DIR`.")]
    public Platform Platform { get; set; }

    [Description("Model that answers on the platform's prediction path where there are several: a name, or name/version. Default: the only one, or the one that the body names.")]
    public string? PlatformModel { get; set; }

    [Description("Where the models are: a path or a URI.")]
    public string Repository { get; set; } = "";

    /// <summary>Several repositories, in place of <see cref="Repository"/>.</summary>
    [ValidateEnumeratedItems]
    public IList<RepositoryOptions> Repositories { get; set; } = [];

    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    [Description("Time between two looks at a repository, give or take a tenth. Default: 2 seconds for folders, 30 seconds for all others.")]
    public TimeSpan? PollInterval { get; set; }

    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    [Description("How long files without a manifest must stay unchanged before they are loaded.")]
    public TimeSpan SettleTime { get; set; } = TimeSpan.FromSeconds(1);

    [Range(1, 64)]
    [Description("Models loaded at the same time. Default: the cores, at most 4.")]
    public int LoadParallelism { get; set; } = Math.Clamp(Environment.ProcessorCount, 1, 4);

    [Description("Folder of the artifact cache. Give it a disk that outlives the process. Default: `modelgateway-` and the user's name in the folder for temporary files.")]
    public string? ArtifactFolder { get; set; }

    [Description("Folder of files, such as a mounted secret, each of which is one setting: the file's name is the key as an environment variable has it (`Gateway__Cache__Redis__Password`), its content the value. Read at the start; stronger than all other sources.")]
    public string? SecretsFolder { get; set; }

    public RefreshOptions Refresh { get; set; } = new();

    [ValidateObjectMembers]
    public FetchOptions ArtifactCache { get; set; } = new();

    [ValidateObjectMembers]
    public GraphCacheSettings GraphCache { get; set; } = new();

    public SignatureOptions Signatures { get; set; } = new();

    public EncryptionOptions Encryption { get; set; } = new();

    [ValidateObjectMembers]
    public MemoryOptions Memory { get; set; } = new();

    [ValidateObjectMembers]
    public RuntimeOptions Runtime { get; set; } = new();

    [ValidateObjectMembers]
    public CacheSettings Cache { get; set; } = new();

    [ValidateObjectMembers]
    public LimitOptions Limits { get; set; } = new();

    [ValidateObjectMembers]
    public ShutdownOptions Shutdown { get; set; } = new();

    [ValidateObjectMembers]
    public LoggingOptions Logging { get; set; } = new();

    [ValidateObjectMembers]
    public TracingOptions Tracing { get; set; } = new();

    [ValidateObjectMembers]
    public AuthOptions Auth { get; set; } = new();

    [ValidateObjectMembers]
    public TlsOptions Tls { get; set; } = new();

    [ValidateObjectMembers]
    public RateLimitOptions RateLimits { get; set; } = new();

    [ValidateObjectMembers]
    public AuditOptions Audit { get; set; } = new();

    public PageOptions Metrics { get; set; } = new();

    public PageOptions Swagger { get; set; } = new();
}

/// <summary>What is fetched from the repositories and kept on the local disk.</summary>
internal sealed class FetchOptions
{
    [Range(0, long.MaxValue)]
    [Description("What fetched files may take up on the disk; bytes. Those used longest ago are removed first, those of loaded models never.")]
    public long MaxBytes { get; set; } = new ArtifactCacheOptions().MaxBytes;

    [Range(1, 64)]
    [Description("Parts of files that are downloaded at the same time, of 8 MiB each, at most; where three of them leave SHA-256 no time to wait, a file is left to those.")]
    public int Parallelism { get; set; } = new ArtifactCacheOptions().Parallelism;
}

/// <summary>Optimized graphs, kept below the artifact folder.</summary>
internal sealed class GraphCacheSettings
{
    [Description("Whether optimized graphs are kept on the disk, so that a model is loaded faster the next time. Never those of encrypted models, and none where Gateway:Signatures:Mode is Require.")]
    public bool Enabled { get; set; } = true;

    [Range(0, long.MaxValue)]
    [Description("What they may take up on the disk, besides the artifact cache; bytes. Those used longest ago are removed first.")]
    public long MaxBytes { get; set; } = new GraphCacheOptions("").MaxBytes;
}

/// <summary>ONNX Runtime in this process.</summary>
internal sealed class RuntimeOptions
{
    [Range(1, 1024)]
    [Description("Threads of the pool that runs of all models use while few go on. Default: what the container's CPU quota allows.")]
    public int? Threads { get; set; }

    [Range(1, 256)]
    [Description("Runs longer than a millisecond at the same time, of all models together; they have threads of their own. Default: what the container's CPU quota allows.")]
    public int? Workers { get; set; }

    [RegularExpression("^[a-z0-9]+$")]
    [Description("Execution provider for models that name none.")]
    public string ExecutionProvider { get; set; } = "cpu";

    [Description("Keep a memory arena a model: faster for some large models, and more memory.")]
    public bool MemoryArena { get; set; }
}

/// <summary>Which models are in memory.</summary>
internal sealed class MemoryOptions
{
    [Range(1 << 20, long.MaxValue)]
    [Description("What loaded models may take up together, by estimate (2.2 times their files and 4 MB each); bytes. Over it, the model used longest ago is unloaded and comes back when a request asks for it. Default: 60 % of the machine's memory; in a container with a limit 45 % of that.")]
    public long? BudgetBytes { get; set; }

    [Description("Load a model when the first request asks for it, in place of when it is found.")]
    public bool LoadOnDemand { get; set; }
}

/// <summary>Bounds that hold where a model sets none of its own.</summary>
internal sealed class LimitOptions
{
    [Range(1024, 2_000_000_000)]
    [Description("Largest request body, before and after decompression; bytes.")]
    public int MaxBodyBytes { get; set; } = 64 << 20;

    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    [Description("Longest time for sending a body.")]
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromSeconds(60);

    [Range(0, 1_000_000_000)]
    [Description("Slowest sender that is waited for, after five seconds of grace; bytes a second, 0 for none.")]
    public int MinBodyBytesPerSecond { get; set; } = 240;

    [Range(0, 1_000_000)]
    [Description("Requests that may wait for one model.")]
    public int QueueLength { get; set; } = 1000;

    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    [Description("Longest time for waiting and running together.")]
    public TimeSpan PredictTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>What happens on SIGTERM.</summary>
internal sealed class ShutdownOptions
{
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    [Description("Time between turning not ready and refusing connections, for load balancers to notice.")]
    public TimeSpan Delay { get; set; } = TimeSpan.Zero;

    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    [Description("Longest time that requests in flight are given to end.")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>What is logged.</summary>
internal sealed class LoggingOptions
{
    [Description("Lowest level that is written: Verbose, Debug, Information, Warning, Error or Fatal. Can be changed at run time, here and by POST /v2/logging.")]
    public Serilog.Events.LogEventLevel Level { get; set; } = Serilog.Events.LogEventLevel.Information;

    [Description("Requests that get a line of their own: None, Errors (status 400 and above; of the refusals for load, 429, ten a second), Sampled (errors, and of the others the share SampleRate) or All.")]
    public RequestLogging Requests { get; set; } = RequestLogging.Errors;

    [Range(0.0, 1.0)]
    [Description("Share of the requests without an error that get a line where Requests is Sampled; 0 to 1.")]
    public double SampleRate { get; set; } = 0.01;
}

/// <summary>Which requests get a line of their own.</summary>
internal enum RequestLogging
{
    None,
    Errors,
    Sampled,
    All,
}

/// <summary>A page that can be closed or opened.</summary>
internal sealed class PageOptions
{
    [Description("Whether the page is there at all. Default: /metrics yes, /swagger in Development only.")]
    public bool? Enabled { get; set; }

    [Description("Whether it asks for a token with the scope models:read. Default: /metrics no; the document behind /swagger yes, except in Development.")]
    public bool? RequireToken { get; set; }
}

/// <summary>Checks what attributes say; generated.</summary>
[OptionsValidator]
internal sealed partial class GatewayOptionsValidator : IValidateOptions<GatewayOptions>;
