using System.Net.Http.Headers;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>Who may call: wiring of authentication and of the policies behind the scopes.</summary>
internal static class AuthSetup
{
    private static readonly TimeSpan DiscoveryTimeout = TimeSpan.FromSeconds(10);
    private const int LargestDiscoveryDocument = 1 << 20;

    public static void AddGatewayAuth(this WebApplicationBuilder builder)
    {
        IServiceCollection services = builder.Services;
        services.PostConfigure<GatewayOptions>(gateway => ReadLists(builder.Configuration.GetSection(AuthOptions.Section), gateway.Auth));
        services.AddSingleton<IValidateOptions<GatewayOptions>, AuthOptionsValidator>();
        services.AddSingleton<ModelAccess>();
        services.AddSingleton<RevokedTokens>();
        services.AddSingleton<AcceptedTokens>();
        services.AddSingleton<TokenCheck>();
        services.AddSingleton<TokenEvents>();
        services.AddSingleton(CreateKeySource);
        services.AddHostedService<KeySourceService>();
        services.AddHostedService<AuthAnnouncement>();
        if (IsEnabled(builder.Configuration))
        {
            services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer();
            services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).Configure<KeySource, TokenEvents, IOptions<GatewayOptions>>(Configure);
        }
    }

    public static void UseGatewayAuth(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.Auth.Enabled)
        {
            app.UseMiddleware<TokenGate>();

            // Says that authentication is taken care of: otherwise the builder puts its own middleware in front of everything.
            ((IApplicationBuilder)app).Properties["__AuthenticationMiddlewareSet"] = true;
        }
    }

    /// <summary>Only for holders of a token with this scope; open when authentication is switched off by name.</summary>
    public static TBuilder RequireScope<TBuilder>(this TBuilder endpoint, string scope)
        where TBuilder : IEndpointConventionBuilder
    {
        endpoint.WithMetadata(new RequiredScope(scope));
        return endpoint;
    }

    // Before the options are there. What is neither true nor false counts as true here, and as a fault when the options are read.
    private static bool IsEnabled(ConfigurationManager configuration) =>
        !bool.TryParse(configuration[$"{AuthOptions.Section}:{nameof(AuthOptions.Enabled)}"], out bool enabled) || enabled;

    // The binder takes lists only; one text with spaces is what an environment variable can hold.
    private static void ReadLists(IConfigurationSection section, AuthOptions auth)
    {
        auth.Audience = ReadList(section.GetSection(nameof(AuthOptions.Audience)), auth.Audience);
        auth.Algorithms = ReadList(section.GetSection(nameof(AuthOptions.Algorithms)), auth.Algorithms);
        auth.ScopeClaims = ReadList(section.GetSection(nameof(AuthOptions.ScopeClaims)), auth.ScopeClaims);
        auth.RevokedTokens = ReadList(section.GetSection(nameof(AuthOptions.RevokedTokens)), auth.RevokedTokens);
    }

    private static string[] ReadList(IConfigurationSection section, string[] bound) =>
        section.Value is null ? bound : string.IsNullOrWhiteSpace(section.Value) ? [""] : section.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static KeySource CreateKeySource(IServiceProvider services)
    {
        AuthOptions options = services.GetRequiredService<IOptions<GatewayOptions>>().Value.Auth;
        IHostEnvironment environment = services.GetRequiredService<IHostEnvironment>();
        if (!options.Enabled)
        {
            return new ConfiguredKeySource(TrustedKeys.None);
        }

        if (options.Keys.Count > 0)
        {
            return new ConfiguredKeySource(new TrustedKeys(options.Issuer!, ConfiguredKeys.Read(options, environment.ContentRootPath, [])));
        }

        return string.IsNullOrWhiteSpace(options.Authority)
            ? new DevelopmentKeySource(options, environment)
            : new DiscoveredKeySource(
                options, CreateRetriever(AuthOptionsValidator.NeedsHttps(options, environment)), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<DiscoveredKeySource>>());
    }

    private static HttpDocumentRetriever CreateRetriever(bool requireHttps)
    {
        // One client for the life of the process; its connections are renewed, so that a changed address of the issuer is noticed.
        var client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            Timeout = DiscoveryTimeout,
            MaxResponseContentBufferSize = LargestDiscoveryDocument,
        };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("ModelGateway", null));
        return new HttpDocumentRetriever(client) { RequireHttps = requireHttps };
    }

    private static void Configure(JwtBearerOptions bearer, KeySource keys, TokenEvents events, IOptions<GatewayOptions> gateway)
    {
        AuthOptions options = gateway.Value.Auth;
        bearer.MapInboundClaims = false;
        bearer.SaveToken = false;
        bearer.Events = events;
        bearer.TokenHandlers.Clear();
        bearer.TokenHandlers.Add(new RotationAwareTokenHandler(keys));
        bearer.TokenValidationParameters = new TokenValidationParameters
        {
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ValidateLifetime = true,
            ClockSkew = options.ClockSkew,
            ValidateAudience = true,
            ValidAudiences = options.EffectiveAudience,
            ValidateIssuer = true,
            IssuerValidator = (issuer, _, _) => keys.Current is { } current && issuer == current.Issuer
                ? issuer
                : throw new SecurityTokenInvalidIssuerException("The issuer is not trusted."),

            // Keys come from here alone: what a token says of keys in its own header (jwk, jku, x5c, x5u) is never read.
            IssuerSigningKeyResolver = (_, token, id, _) =>
                token is JsonWebToken jwt && !jwt.HasCriticalHeaders() && keys.Current is { } current ? current.Find(id, jwt.Alg) : [],
            TryAllIssuerSigningKeys = false,
            ValidAlgorithms = SignatureAlgorithms.All,
        };
    }
}
