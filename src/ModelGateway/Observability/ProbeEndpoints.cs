using ModelGateway.Observability.Tracing;

namespace ModelGateway.Observability;

/// <summary>Endpoints that orchestrators and load balancers probe.</summary>
internal static class ProbeEndpoints
{
    /// <summary>GET and, undocumented, HEAD: load balancers probe with either.</summary>
    public static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>What holds for every probe.</summary>
    public static RouteHandlerBuilder AsProbe(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(NotTraced.Instance);
}
