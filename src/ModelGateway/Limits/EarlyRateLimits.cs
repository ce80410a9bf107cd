using ModelGateway.Auth;
using ModelGateway.Caching;
using ModelGateway.Protocols;

namespace ModelGateway.Limits;

/// <summary>In front of <see cref="RepeatedRequests"/>, which answers before routing: charges the requests that it may answer. Only there where something is limited.</summary>
internal sealed class EarlyRateLimits(RequestDelegate next, RateLimits limits, KnownPaths paths, TokenCheck tokens, ModelAccess access, EarlyRefusals refusals)
{
    public Task InvokeAsync(HttpContext http)
    {
        if (paths.Find(http.Request) is not { } path || !tokens.Allows(http, path.Endpoint) || !access.Allows(http, path.Asked.Model))
        {
            return next(http);
        }

        return (limits.ChargeSubject(http, isPrediction: true) ?? limits.ChargeModel(http, path.Asked.Model)) is { } refusal ? refusals.RefuseAsync(http, refusal) : next(http);
    }
}
