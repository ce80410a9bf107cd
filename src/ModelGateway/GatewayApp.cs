using ModelGateway.Admin;
using ModelGateway.Admin.Refresh;
using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.Caching;
using ModelGateway.Limits;
using ModelGateway.Observability;
using ModelGateway.Observability.Tracing;
using ModelGateway.OpenApi;
using ModelGateway.Platforms;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Native;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Transport.Tls;

namespace ModelGateway;

/// <summary>The whole web host, not yet started: what Program runs, and what tests start beside each other on ports of their own.</summary>
internal static class GatewayApp
{
    /// <param name="args">The command line.</param>
    /// <param name="replace">Last word on the services, for a transport other than sockets; null for none.</param>
    public static WebApplication Build(string[] args, Action<IServiceCollection>? replace = null)
    {
        // The slim one: it leaves IIS, HTTP/3 and what else is never used here out of memory.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.AddSecretsFolder();
        builder.AddPlatform(args);
        builder.AddGatewayOptions();
        builder.AddLogging();
        builder.AddKestrel();
        builder.AddTls();
        builder.Services.AddGatewayMetrics();
        builder.Services.AddAudit();
        builder.AddGatewayAuth();
        builder.AddRateLimits();
        builder.AddTracing();
        builder.Services.AddPredictionCache();
        builder.Services.AddServing();
        builder.Services.AddProtocols();
        builder.AddOpenApi();
        builder.Services.AddSingleton<RefreshAnswers>();
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddHostedService<ShutdownDelay>();
        builder.Services.AddHostedService<IdleMemory>();
        replace?.Invoke(builder.Services);

        WebApplication app = builder.Build();
        app.UseMiddleware<DrainedConnections>();
        app.UseTracing();
        app.UseTls();
        app.UseEarlyRateLimits();
        app.UseMiddleware<RepeatedRequests>();
        app.UseRouting();
        app.UseMiddleware<RequestFrame>();
        app.UseGatewayAuth();
        app.UseRateLimits();
        app.MapHealth();
        app.MapMetricsPage();
        app.MapPlatform();
        app.MapNative();
        app.MapOpenInference();
        app.MapCache();
        app.MapRefresh();
        app.MapLogLevel();
        app.MapOpenApi();
        return app;
    }
}
