using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Trust;

namespace ModelGateway;

/// <summary>
/// The section <c>Gateway</c>. Every key is also an environment variable (<c>Gateway__Repository</c>). The descriptions are those
/// of the table in the README, which a test holds against this class.
/// </summary>
internal sealed class GatewayOptions
{
    public const string Section = "Gateway";

    [Required(AllowEmptyStrings = false, ErrorMessage = "Gateway:Repository is not set: name the folder or URI of the model repository, for example Gateway__Repository=/models.")]
    [Description("Where the models are: a path or a file URI.")]
    public string Repository { get; set; } = "";

    [Range(typeof(TimeSpan), "00:00:00.050", "1.00:00:00")]
    [Description("Time between two scans of the repository.")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(2);

    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    [Description("How long files without a manifest must stay unchanged before they are loaded.")]
    public TimeSpan SettleTime { get; set; } = TimeSpan.FromSeconds(1);

    [Range(1, 64)]
    [Description("Models loaded at the same time. Default: the cores, at most 4.")]
    public int LoadParallelism { get; set; } = Math.Clamp(Environment.ProcessorCount, 1, 4);

    [Description("Folder for copies of the loaded models. Default: `modelgateway-` and the user's name in the folder for temporary files.")]
    public string? ArtifactFolder { get; set; }

    public SignatureOptions Signatures { get; set; } = new();

    public EncryptionOptions Encryption { get; set; } = new();

    [ValidateObjectMembers]
    public RuntimeOptions Runtime { get; set; } = new();

    [ValidateObjectMembers]
    public LimitOptions Limits { get; set; } = new();

    [ValidateObjectMembers]
    public ShutdownOptions Shutdown { get; set; } = new();

    public LoggingOptions Logging { get; set; } = new();

    [ValidateObjectMembers]
    public AuthOptions Auth { get; set; } = new();

    public PageOptions Metrics { get; set; } = new();

    public PageOptions Swagger { get; set; } = new();
}

/// <summary>ONNX Runtime in this process.</summary>
internal sealed class RuntimeOptions
{
    [Range(1, 1024)]
    [Description("Threads of the pool that all runs share. Default: what the container's CPU quota allows.")]
    public int? Threads { get; set; }

    [RegularExpression("^[a-z0-9]+$")]
    [Description("Execution provider for models that name none.")]
    public string ExecutionProvider { get; set; } = "cpu";

    [Description("Keep a memory arena a model: faster for some large models, and more memory.")]
    public bool MemoryArena { get; set; }
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

    [Description("Requests that get a line of their own: None, Errors (status 400 and above) or All.")]
    public RequestLogging Requests { get; set; } = RequestLogging.Errors;
}

/// <summary>Which requests get a line of their own.</summary>
internal enum RequestLogging
{
    None,
    Errors,
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
