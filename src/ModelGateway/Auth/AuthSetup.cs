namespace ModelGateway.Auth;

/// <summary>Who may call: wiring of authentication and of the policies behind the scopes.</summary>
internal static class AuthSetup
{
    public static void AddGatewayAuth(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ModelAccess>();
        builder.Services.AddAuthorizationBuilder().SetFallbackPolicy(null);
    }

    public static void UseGatewayAuth(this WebApplication app) => app.UseAuthorization();

    /// <summary>Only for holders of a token with this scope; open when authentication is switched off by name.</summary>
    public static TBuilder RequireScope<TBuilder>(this TBuilder endpoint, string scope)
        where TBuilder : IEndpointConventionBuilder
    {
        endpoint.WithMetadata(new RequiredScope(scope));
        return endpoint;
    }

    internal sealed record RequiredScope(string Scope);
}
