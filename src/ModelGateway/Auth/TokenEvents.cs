using System.Collections.Frozen;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.Net.Http.Headers;
using ModelGateway.Audit;
using ModelGateway.Protocols;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Auth;

/// <summary>What happens around the check of a token: the keys are there first, an accepted token becomes a grant, a refusal gets its answer.</summary>
internal sealed partial class TokenEvents(KeySource keys, AcceptedTokens tokens, RevokedTokens revoked, IOptions<GatewayOptions> options, ServingMetrics metrics, ILogger<TokenEvents> logger) : JwtBearerEvents
{
    private readonly AuthOptions _options = options.Value.Auth;
    private readonly string? _tenantClaim = string.IsNullOrWhiteSpace(options.Value.Cache.TenantClaim) ? null : options.Value.Cache.TenantClaim.Trim();

    public override async Task MessageReceived(MessageReceivedContext context)
    {
        if (!BearerToken.TryFind(context.Request, out _))
        {
            context.NoResult();
        }
        else if (keys.Current is null && !await keys.RefreshAsync(null, context.HttpContext.RequestAborted))
        {
            context.Fail(new KeysUnreadableException());
        }
    }

    public override Task TokenValidated(TokenValidatedContext context)
    {
        var token = (JsonWebToken)context.SecurityToken;
        FrozenSet<string> revocations = revoked.Current;
        if (token.Id is { Length: > 0 } id && revocations.Contains(id))
        {
            context.Fail(new TokenRevokedException());
            return Task.CompletedTask;
        }

        var grant = new TokenGrant(token, _options, _tenantClaim);
        grant.KeepWith(context.HttpContext);

        // The keys may have been read anew while the token was checked; then it was checked with others than those of now.
        if (keys.Current is { } current && current.Holds(token.SigningKey))
        {
            // A token may name an end that no clock reaches.
            DateTime until = token.ValidTo < DateTime.MaxValue - _options.ClockSkew ? token.ValidTo + _options.ClockSkew : DateTime.MaxValue;
            tokens.Add(token.EncodedToken, grant, current, revocations, until);
        }

        return Task.CompletedTask;
    }

    public override Task Challenge(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        HttpContext http = context.HttpContext;
        if (context.AuthenticateFailure is KeysUnreadableException)
        {
            http.Response.Headers.RetryAfter = "1";
            return RefuseAsync(http, StatusCodes.Status503ServiceUnavailable, "Not ready", "The keys of the token issuer cannot be read now, so no token can be checked.");
        }

        if (context.AuthenticateFailure is { } failure && BearerToken.TryFind(http.Request, out ReadOnlySpan<char> token))
        {
            string reason = TokenRefusal.Explain(failure, token.ToString(), keys.Current ?? TrustedKeys.None, _options);
            Log.Refused(logger, reason);
            AuditTrail.RecordRefusal(http, StatusCodes.Status401Unauthorized, reason);
            http.Response.Headers[HeaderNames.WWWAuthenticate] = $"Bearer error=\"invalid_token\", error_description=\"{Quotable(reason)}\"";
            return RefuseAsync(http, StatusCodes.Status401Unauthorized, "Unauthorized", reason);
        }

        // No error code without a token: RFC 6750, 3.1. Amazon SNS sends its password only to who asks for it.
        bool takesSecret = http.GetEndpoint()?.Metadata.GetMetadata<EndpointSecret>() is not null;
        http.Response.Headers[HeaderNames.WWWAuthenticate] = takesSecret ? new StringValues(["Bearer", "Basic realm=\"modelgateway\""]) : "Bearer";
        return RefuseAsync(
            http,
            StatusCodes.Status401Unauthorized,
            "Unauthorized",
            "A token is needed: send it in the header 'Authorization: Bearer <token>'."
            + (takesSecret ? $" Or send the configured secret, as password of HTTP Basic or in the header '{EndpointSecret.Header}'." : ""));
    }

    public override Task Forbidden(ForbiddenContext context)
    {
        string scope = context.HttpContext.GetEndpoint()?.Metadata.GetMetadata<RequiredScope>()?.Scope ?? Scopes.Manage;
        context.Response.Headers[HeaderNames.WWWAuthenticate] = $"Bearer error=\"insufficient_scope\", scope=\"{scope}\"";
        string reason = $"The token lacks the scope '{scope}'.";
        AuditTrail.RecordRefusal(context.HttpContext, StatusCodes.Status403Forbidden, reason);
        return RefuseAsync(context.HttpContext, StatusCodes.Status403Forbidden, "Forbidden", reason);
    }

    // Names from the configuration stand in the reason: nothing of them may end the quoted text (RFC 6750, 3).
    private static string Quotable(string reason)
    {
        var text = new StringBuilder(reason);
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = text[i] is >= ' ' and <= '~' and not '"' and not '\\' ? text[i] : '_';
        }

        return text.ToString();
    }

    private Task RefuseAsync(HttpContext http, int status, string title, string detail)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<RequiredScope>()?.Scope == Scopes.Predict)
        {
            metrics.CountUnrouted(status == StatusCodes.Status403Forbidden ? "forbidden" : status == StatusCodes.Status401Unauthorized ? "unauthorized" : "not_ready");
        }

        return Problems.WriteAsync(http, status, title, detail);
    }

    private sealed class KeysUnreadableException : Exception;

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.TokenRefused, Level = LogLevel.Information, Message = "A token was refused: {Reason}")]
        public static partial void Refused(ILogger logger, string reason);
    }
}
