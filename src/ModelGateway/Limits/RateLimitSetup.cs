using Microsoft.Extensions.Options;

namespace ModelGateway.Limits;

/// <summary>Wiring of the rate limits: nothing at all where none is configured.</summary>
internal static class RateLimitSetup
{
    public static void AddRateLimits(this WebApplicationBuilder builder)
    {
        IConfigurationSection section = builder.Configuration.GetSection(RateLimitOptions.Section);
        if (section.GetSection(nameof(RateLimitOptions.Subjects)).GetChildren().Any() || section.GetSection(nameof(RateLimitOptions.Models)).GetChildren().Any())
        {
            builder.Services.AddSingleton<RateLimits>();
        }
    }

    /// <summary>In front of whatever answers before routing.</summary>
    public static void UseEarlyRateLimits(this WebApplication app)
    {
        if (IsOn(app))
        {
            app.UseMiddleware<EarlyRateLimits>();
        }
    }

    /// <summary>Behind the token check.</summary>
    public static void UseRateLimits(this WebApplication app)
    {
        if (IsOn(app))
        {
            app.UseMiddleware<SubjectRateLimits>();
        }
    }

    private static bool IsOn(WebApplication app) => app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.RateLimits.IsOn;
}
