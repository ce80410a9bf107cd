using Microsoft.Extensions.Options;
using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.OpenApi;

namespace ModelGateway.Admin.Refresh;

/// <summary>Where those who change a repository, or the store itself, say so, instead of waiting for the next look.</summary>
internal static class RefreshEndpoints
{
    private const string RequestOrigin = "WebHook-Request-Origin";
    private const int LongestOrigin = 255;
    private static readonly string[] Options = [HttpMethods.Options];

    private static readonly DocumentedBody Body = new(
        "Nothing or {} for all repositories, {\"repository\": \"s3://bucket/prefix\"} for those whose location begins so, or the notification of a store as it comes: "
        + "S3 (also in an SNS envelope or from EventBridge), Event Grid, Pub/Sub, MLflow.",
        "{}");

    public static void MapRefresh(this WebApplication app)
    {
        RouteGroupBuilder group = app.MapGroup("/v2/repository/refresh").WithTags("Operations").RequireScope(Scopes.Manage);
        RouteHandlerBuilder refresh = group.MapPost("", static (HttpContext http, RefreshAnswers answers) => answers.RefreshAsync(http))
            .WithSummary("Look at the repositories now. Answers at once, with those that are looked at.")
            .WithMetadata(Body)
            .Audited("repository.refresh")
            .Produces<RefreshAnswer>(StatusCodes.Status202Accepted)
            .ProducesProblem(StatusCodes.Status400BadRequest);
        RouteHandlerBuilder handshake = group.MapMethods("", Options, Welcome).ExcludeFromDescription();
        if (FindSecret(app.Services) is { } secret)
        {
            refresh.WithMetadata(secret);
            handshake.WithMetadata(secret);
        }
    }

    private static EndpointSecret? FindSecret(IServiceProvider services) => EndpointSecret.Read(
        services.GetRequiredService<IOptions<GatewayOptions>>().Value.Refresh, services.GetRequiredService<IHostEnvironment>().ContentRootPath, []);

    // How CloudEvents have a sender ask whether its messages are welcome (HTTP webhooks 1.0, section 4).
    private static void Welcome(HttpContext http)
    {
        string? origin = http.Request.Headers[RequestOrigin];
        http.Response.Headers.Allow = "POST, OPTIONS";
        if (origin is { Length: > 0 and <= LongestOrigin } && origin.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_' or ':' or '*'))
        {
            http.Response.Headers["WebHook-Allowed-Origin"] = origin;
            http.Response.Headers["WebHook-Allowed-Rate"] = "*";
        }
    }
}
