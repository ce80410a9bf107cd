using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Observability.Tracing;

/// <summary>Where traces go, and of which requests: the section <c>Gateway:Tracing</c>.</summary>
internal sealed class TracingOptions
{
    public const string Section = GatewayOptions.Section + ":Tracing";

    [Description("Collector that takes traces over OTLP: `http://collector:4317` with Protocol Grpc, `http://collector:4318` with Http. Without it there are no traces, and requests pay nothing.")]
    public string? Endpoint { get; set; }

    [Description("How the collector is spoken to: Grpc, or Http (protobuf; `/v1/traces` is appended to an Endpoint without a path).")]
    public TracingProtocol Protocol { get; set; } = TracingProtocol.Grpc;

    [Range(0.0, 1.0)]
    [Description("Share of the traces that begin here and are sent; 0 to 1.")]
    public double SampleRatio { get; set; } = 0.1;

    [Description("Whether a caller that sends `traceparent` decides for its own requests. With `false` the SampleRatio holds for all, which is safer where callers are strangers.")]
    public bool ParentBased { get; set; } = true;

    [Description("Headers for the collector, `name=value` with commas between, values percent-encoded. Prefer HeadersFile where one is a secret.")]
    public string? Headers { get; set; }

    [Description("File that holds those headers.")]
    public string? HeadersFile { get; set; }

    [Description("Name of this service in traces (`service.name`); `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are stronger.")]
    public string ServiceName { get; set; } = "modelgateway";
}

/// <summary>How OTLP is carried.</summary>
internal enum TracingProtocol
{
    Grpc,
    Http,
}
