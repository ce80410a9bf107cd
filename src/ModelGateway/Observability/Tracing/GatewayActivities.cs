using System.Diagnostics;

namespace ModelGateway.Observability.Tracing;

/// <summary>The host's own source of spans; the core has <see cref="Serving.Diagnostics.ServingActivities"/>.</summary>
internal static class GatewayActivities
{
    public const string SourceName = "ModelGateway";

    public static ActivitySource Source { get; } = new(SourceName);
}
