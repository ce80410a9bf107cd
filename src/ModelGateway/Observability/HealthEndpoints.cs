namespace ModelGateway.Observability;

/// <summary>Liveness and readiness, open to everyone: orchestrators carry no token.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/health").WithTags("Health").AllowAnonymous();
        group.MapMethods("/live", ProbeEndpoints.Methods, () => TypedResults.Ok(new HealthAnswer("live", null)))
            .AsProbe()
            .WithSummary("The process runs. 200 as long as it can answer at all.");
        group.MapMethods("/ready", ProbeEndpoints.Methods, Ready)
            .AsProbe()
            .WithSummary("Models are loaded and requests are welcome; the reason then names repositories that cannot be read now. 503 while starting and while stopping.")
            .Produces<HealthAnswer>()
            .Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    private static IResult Ready(Readiness readiness)
    {
        string? reason = readiness.WhyNot();
        return reason is null
            ? TypedResults.Ok(new HealthAnswer("ready", readiness.Concern()))
            : TypedResults.Json(new HealthAnswer("not ready", reason), statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    internal sealed record HealthAnswer(string Status, string? Reason);
}
