using System.Text.Json;
using System.Text.Json.Serialization;
using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.Protocols;
using ModelGateway.Serving.Models;
using Serilog.Core;
using Serilog.Events;

namespace ModelGateway.Admin;

/// <summary>
/// The log level, readable and changeable while the server runs; a change lasts until the next one or a restart. Besides our own
/// <c>level</c> it speaks the logging extension that Triton's tools use: <c>log_verbose_level</c> and the switches by severity.
/// </summary>
internal static class LogLevelEndpoints
{
    public static void MapLogLevel(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/v2/logging").WithTags("Operations").RequireScope(Scopes.Manage);
        group.MapGet("", (LoggingLevelSwitch level) => TypedResults.Ok(LogSettings.Of(level.MinimumLevel)))
            .WithSummary("The lowest level that is logged.");
        group.MapPost("", SetAsync)
            .Audited("log.level")
            .WithSummary("Change the level: Verbose, Debug, Information, Warning, Error or Fatal.")
            .Produces<LogSettings>()
            .ProducesProblem(StatusCodes.Status400BadRequest);
    }

    // The body is read by hand: Triton's client sends no content type, which the framework's binding would refuse.
    private static async Task<IResult> SetAsync(HttpContext http, LoggingLevelSwitch level)
    {
        LogSettings? wanted;
        try
        {
            wanted = await JsonSerializer.DeserializeAsync<LogSettings>(http.Request.Body, JsonSerializerOptions.Web, http.RequestAborted);
        }
        catch (JsonException)
        {
            wanted = null;
        }

        if (wanted is null || !wanted.TryToLevel(level.MinimumLevel, out LogEventLevel parsed))
        {
            string message = wanted is null
                ? "The body must be a JSON object, for example {\"level\": \"Debug\"}."
                : $"'level' must be one of {string.Join(", ", Enum.GetNames<LogEventLevel>())}.";
            return new ProblemResult(new PredictError(PredictErrorKind.InvalidRequest, message));
        }

        AuditTrail.Note(http, $"from {level.MinimumLevel} to {parsed}");
        level.MinimumLevel = parsed;
        return TypedResults.Ok(LogSettings.Of(parsed));
    }

    internal sealed record LogSettings
    {
        public string? Level { get; init; }

        [JsonPropertyName("log_verbose_level")]
        public int? VerboseLevel { get; init; }

        [JsonPropertyName("log_info")]
        public bool? Info { get; init; }

        [JsonPropertyName("log_warning")]
        public bool? Warning { get; init; }

        [JsonPropertyName("log_error")]
        public bool? Error { get; init; }

        public static LogSettings Of(LogEventLevel level) => new()
        {
            Level = level.ToString(),
            VerboseLevel = Math.Max(0, LogEventLevel.Information - level),
            Info = level <= LogEventLevel.Information,
            Warning = level <= LogEventLevel.Warning,
            Error = level <= LogEventLevel.Error,
        };

        // Our own key rules; then verbose; then the least severe switch that is set.
        public bool TryToLevel(LogEventLevel current, out LogEventLevel level)
        {
            if (Level is not null)
            {
                // Parsing alone also takes numbers and lists of names.
                return Enum.TryParse(Level, ignoreCase: true, out level) && level.ToString().Equals(Level, StringComparison.OrdinalIgnoreCase);
            }

            level = VerboseLevel switch
            {
                1 => LogEventLevel.Debug,
                > 1 => LogEventLevel.Verbose,
                0 when current < LogEventLevel.Information => LogEventLevel.Information,
                _ => current,
            };
            level = Info == false && level == LogEventLevel.Information ? LogEventLevel.Warning : level;
            level = Warning == false && level == LogEventLevel.Warning ? LogEventLevel.Error : level;
            level = Error == false && level == LogEventLevel.Error ? LogEventLevel.Fatal : level;
            level = Error == true && level > LogEventLevel.Error ? LogEventLevel.Error : level;
            level = Warning == true && level > LogEventLevel.Warning ? LogEventLevel.Warning : level;
            level = Info == true && level > LogEventLevel.Information ? LogEventLevel.Information : level;
            return true;
        }
    }
}
