using Microsoft.AspNetCore.Authentication;

namespace ModelGateway.Auth;

/// <summary>Lets a request through to its endpoint if its token holds the scope that the endpoint asks for.</summary>
/// <remarks>
/// In place of the framework's authentication and authorization middleware, which between them cost about as much as a small
/// prediction: a token that was accepted before is looked up here, and only others go through the JWT handler.
/// </remarks>
internal sealed class TokenGate(RequestDelegate next, TokenCheck tokens)
{
    public Task InvokeAsync(HttpContext http)
    {
        // Paths without an endpoint answer 404 to everybody.
        if (http.GetEndpoint() is not { } endpoint)
        {
            return next(http);
        }

        string? scope = TokenCheck.ScopeOf(endpoint);

        // Perhaps it was found in front of routing.
        if ((TokenGrant.Of(http) ?? tokens.Find(http)) is { } grant)
        {
            return scope is null || grant.Has(scope) ? next(http) : http.ForbidAsync();
        }

        // Only where the endpoint itself holds a secret: it opens nothing else.
        return endpoint.Metadata.GetMetadata<EndpointSecret>()?.IsIn(http.Request) == true ? next(http) : CheckAsync(http, scope);
    }

    private async Task CheckAsync(HttpContext http, string? scope)
    {
        // Keeps the grant with the request if the token is accepted.
        await http.AuthenticateAsync();
        if (scope is null || TokenGrant.Of(http)?.Has(scope) == true)
        {
            await next(http);
        }
        else if (TokenGrant.Of(http) is null)
        {
            await http.ChallengeAsync();
        }
        else
        {
            await http.ForbidAsync();
        }
    }
}
