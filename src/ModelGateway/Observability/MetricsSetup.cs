using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Observability.Tracing;
using Prometheus;

namespace ModelGateway.Observability;

/// <summary>One registry a host, without the hundreds of series that prometheus-net exports by itself.</summary>
internal static class MetricsSetup
{
    public static void AddGatewayMetrics(this IServiceCollection services)
    {
        services.AddSingleton(_ =>
        {
            CollectorRegistry registry = Metrics.NewCustomRegistry();
            DotNetStats.Register(registry);
            return registry;
        });
    }

    /// <summary>Open by default: a scraper has no token, and no series tells more than names and numbers.</summary>
    public static void MapMetricsPage(this WebApplication app)
    {
        PageOptions page = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.Metrics;
        if (page.Enabled == false)
        {
            return;
        }

        IEndpointConventionBuilder endpoint = app.MapMetrics("/metrics", app.Services.GetRequiredService<CollectorRegistry>()).WithMetadata(NotTraced.Instance);
        if (page.RequireToken == true)
        {
            endpoint.RequireScope(Scopes.Read);
        }
        else
        {
            endpoint.AllowAnonymous();
        }
    }
}
