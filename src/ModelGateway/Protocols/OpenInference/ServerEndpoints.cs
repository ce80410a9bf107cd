using System.Reflection;
using Microsoft.AspNetCore.Http.HttpResults;
using ModelGateway.Auth;
using ModelGateway.Observability;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>What the protocol says of the server as a whole.</summary>
internal static class ServerEndpoints
{
    // Only what the clients of these extensions can rely on: "schedule_policy" would promise priorities besides the timeout.
    private static readonly ServerMetadataAnswer Metadata = new(
        "modelgateway",
        typeof(ServerEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0],
        ["classification", "model_repository", "model_repository(unload_dependents)", "binary_tensor_data", "model_configuration", "statistics", "parameters", "logging"]);

    public static void MapServer(this RouteGroupBuilder group)
    {
        group.MapGet("", () => TypedResults.Json(Metadata, OpenInferenceJson.Default.ServerMetadataAnswer))
            .RequireScope(Scopes.Read)
            .WithSummary("Name, version and extensions of the server.")
            .Produces<ServerMetadataAnswer>();
        RouteGroupBuilder health = group.MapGroup("/health").AllowAnonymous();
        health.MapMethods("/live", ProbeEndpoints.Methods, () => TypedResults.Json(new LiveAnswer(true), OpenInferenceJson.Default.LiveAnswer))
            .AsProbe()
            .WithSummary("The process runs.")
            .Produces<LiveAnswer>();
        health.MapMethods("/ready", ProbeEndpoints.Methods, Ready)
            .AsProbe()
            .WithSummary("Models are loaded and requests are welcome; 503 while starting and while stopping.")
            .Produces<ReadyAnswer>()
            .Produces<ReadyAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    private static JsonHttpResult<ReadyAnswer> Ready(Readiness readiness)
    {
        bool isReady = readiness.WhyNot() is null;
        return TypedResults.Json(
            new ReadyAnswer(isReady), OpenInferenceJson.Default.ReadyAnswer, statusCode: isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}

/// <summary><c>GET /v2</c></summary>
internal sealed record ServerMetadataAnswer(string Name, string Version, IReadOnlyList<string> Extensions);

/// <summary><c>GET /v2/health/live</c></summary>
internal sealed record LiveAnswer(bool Live);

/// <summary><c>GET /v2/health/ready</c></summary>
internal sealed record ReadyAnswer(bool Ready);
