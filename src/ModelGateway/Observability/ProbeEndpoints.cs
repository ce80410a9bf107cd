using ModelGateway.Observability.Tracing;

namespace ModelGateway.Observability;

/// <summary>Endpoints that orchestrators and load balancers probe.</summary>
internal static class ProbeEndpoints
{
    private static readonly string[] Head = [HttpMethods.Head];

    /// <summary>Answers GET and, undocumented, HEAD: load balancers probe with either.</summary>
    public static RouteHandlerBuilder MapProbe(this IEndpointRouteBuilder group, string pattern, Delegate handler)
    {
        group.MapMethods(pattern, Head, handler).ExcludeFromDescription().WithMetadata(NotTraced.Instance);
        return group.MapGet(pattern, handler).WithMetadata(NotTraced.Instance);
    }
}
