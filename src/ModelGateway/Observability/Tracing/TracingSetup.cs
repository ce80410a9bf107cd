using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using ModelGateway.Serving.Diagnostics;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace ModelGateway.Observability.Tracing;

/// <summary>OpenTelemetry, where the configuration names a collector; elsewhere nothing of it is there.</summary>
internal static class TracingSetup
{
    // The requests of HttpClient: it makes spans by OpenTelemetry's conventions itself, with queries left out, and sends the context on.
    private const string HttpClientSource = "System.Net.Http";

    public static void AddTracing(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>, TracingOptionsValidator>();
        if (IsOn(builder.Configuration))
        {
            AddOpenTelemetry(builder);
        }
    }

    // Apart, as a method loads the libraries of all that it names, also of what it does not come to.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AddOpenTelemetry(WebApplicationBuilder builder)
    {
        string version = typeof(TracingSetup).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";
        builder.Services.AddSingleton<TraceExport>(CreateExport);
        builder.Services.AddOpenTelemetry().WithTracing(tracing => tracing
            .ConfigureResource(resource => resource
                .AddService(builder.Configuration[$"{TracingOptions.Section}:{nameof(TracingOptions.ServiceName)}"] ?? new TracingOptions().ServiceName, serviceVersion: version)
                .AddEnvironmentVariableDetector())
            .AddSource(GatewayActivities.SourceName, ServingActivities.SourceName, HttpClientSource)
            .SetSampler(services => CreateSampler(OptionsOf(services)))
            .AddProcessor(services => services.GetRequiredService<TraceExport>()));
    }

    /// <summary>In front of everything else, so that each answer is within a span.</summary>
    public static void UseTracing(this WebApplication app)
    {
        if (IsOn(app.Configuration))
        {
            app.UseMiddleware<TracedRequests>();
        }
    }

    private static bool IsOn(IConfiguration configuration) => !string.IsNullOrWhiteSpace(configuration[$"{TracingOptions.Section}:{nameof(TracingOptions.Endpoint)}"]);

    private static TracingOptions OptionsOf(IServiceProvider services) => services.GetRequiredService<IOptions<GatewayOptions>>().Value.Tracing;

    private static Sampler CreateSampler(TracingOptions options)
    {
        var ratio = new TraceIdRatioBasedSampler(options.SampleRatio);
        return options.ParentBased ? new ParentBasedSampler(ratio) : ratio;
    }

    private static TraceExport CreateExport(IServiceProvider services)
    {
        TracingOptions options = OptionsOf(services);

        // The validator has read it before, so there are no faults.
        ConfiguredCollector collector = ConfiguredCollector.Read(options, services.GetRequiredService<IHostEnvironment>().ContentRootPath, [])!;
        var export = new OtlpExporterOptions
        {
            Endpoint = collector.Endpoint,
            Protocol = options.Protocol == TracingProtocol.Grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf,
        };
        if (collector.Headers.Length > 0)
        {
            export.Headers = collector.Headers;
        }

        return new TraceExport(
            new OtlpTraceExporter(export), collector.ToString(), services.GetRequiredService<Prometheus.CollectorRegistry>(), services.GetRequiredService<ILogger<TraceExport>>());
    }
}
