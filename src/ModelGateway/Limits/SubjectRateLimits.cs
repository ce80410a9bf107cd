using ModelGateway.Auth;

namespace ModelGateway.Limits;

/// <summary>Behind the token check: charges all other requests for which a scope is asked to their caller. Models are charged where they are known, in <see cref="Protocols.PredictExchange"/>.</summary>
internal sealed class SubjectRateLimits(RequestDelegate next, RateLimits limits)
{
    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<RequiredScope>()?.Scope is { } scope && limits.ChargeSubject(http, scope == Scopes.Predict) is { } refusal ? refusal(http) : next(http);
}
