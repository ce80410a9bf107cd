using ModelGateway.Auth;
using Serilog.Core;
using Serilog.Events;

namespace ModelGateway.Admin;

/// <summary>The log level, readable and changeable while the server runs. A change lasts until the next one or a restart.</summary>
internal static class LogLevelEndpoints
{
    public static void MapLogLevel(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/v2/logging").WithTags("Operations").RequireScope(Scopes.Manage);
        group.MapGet("", (LoggingLevelSwitch level) => TypedResults.Ok(new LogLevel(level.MinimumLevel.ToString())))
            .WithSummary("The lowest level that is logged.");
        group.MapPost("", Set).WithSummary("Change the level: Verbose, Debug, Information, Warning, Error or Fatal.");
    }

    private static IResult Set(LogLevel wanted, LoggingLevelSwitch level)
    {
        if (!Enum.TryParse(wanted.Level, ignoreCase: true, out LogEventLevel parsed) || !Enum.IsDefined(parsed))
        {
            return TypedResults.Problem(
                $"The level must be one of {string.Join(", ", Enum.GetNames<LogEventLevel>())}.", statusCode: StatusCodes.Status400BadRequest);
        }

        level.MinimumLevel = parsed;
        return TypedResults.Ok(new LogLevel(parsed.ToString()));
    }

    internal sealed record LogLevel(string Level);
}
