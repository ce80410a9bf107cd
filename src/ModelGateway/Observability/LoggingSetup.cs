using Microsoft.Extensions.Options;
using ModelGateway.Serving.Models;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Compact;

namespace ModelGateway.Observability;

/// <summary>Serilog: compact JSON in Production, readable in Development, written by a thread of its own, at a level that can be changed while it runs.</summary>
internal static class LoggingSetup
{
    private const string Readable = "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj} {RequestId} {TraceId} {Model}{NewLine}{Exception}";

    // Lines that wait for the console; beyond it they are dropped, because a blocked terminal must not block predictions.
    private const int BufferedLines = 10_000;

    public static void AddLogging(this WebApplicationBuilder builder)
    {
        var level = new LoggingLevelSwitch();
        builder.Services.AddSingleton(level);
        builder.Services.AddSingleton<RefusalLines>();
        builder.Services.AddSingleton<LevelFromConfiguration>();
        builder.Services.AddSerilog((services, logger) =>
        {
            services.GetRequiredService<LevelFromConfiguration>();
            LoggingLevelSwitch framework = AtLeast(LogEventLevel.Warning, level);
            logger.MinimumLevel.ControlledBy(level)
                .MinimumLevel.Override("Microsoft.AspNetCore", framework)

                // Off altogether: at any level the framework makes an activity and a scope for every request.
                .MinimumLevel.Override("Microsoft.AspNetCore.Hosting.Diagnostics", LevelAlias.Off)
                .MinimumLevel.Override("Microsoft.Extensions", framework)
                .MinimumLevel.Override("Microsoft.Hosting.Lifetime", AtLeast(LogEventLevel.Information, level))
                .MinimumLevel.Override("System.Net.Http", framework)
                .Enrich.With(new RequestEnricher())
                .WriteTo.Async(Console, BufferedLines);
        });

        void Console(Serilog.Configuration.LoggerSinkConfiguration sink)
        {
            if (builder.Environment.IsDevelopment())
            {
                sink.Console(outputTemplate: Readable, formatProvider: System.Globalization.CultureInfo.InvariantCulture);
            }
            else
            {
                sink.Console(new CompactJsonFormatter());
            }
        }
    }

    // An override stands in for the level; a constant one would go on writing where the level asks for silence.
    private static LoggingLevelSwitch AtLeast(LogEventLevel least, LoggingLevelSwitch level)
    {
        var floor = new LoggingLevelSwitch(Higher(least, level.MinimumLevel));
        level.MinimumLevelChanged += (_, change) => floor.MinimumLevel = Higher(least, change.NewLevel);
        return floor;
    }

    private static LogEventLevel Higher(LogEventLevel one, LogEventLevel other) => one > other ? one : other;

    /// <summary>Follows <c>Gateway:Logging:Level</c> when the configuration is read anew.</summary>
    private sealed class LevelFromConfiguration : IDisposable
    {
        private readonly IDisposable? _subscription;

        public LevelFromConfiguration(IOptionsMonitor<GatewayOptions> options, LoggingLevelSwitch level)
        {
            level.MinimumLevel = options.CurrentValue.Logging.Level;
            _subscription = options.OnChange(changed => level.MinimumLevel = changed.Logging.Level);
        }

        public void Dispose() => _subscription?.Dispose();
    }

    /// <summary>Adds request id and model when a line is written, so that requests without a line pay nothing.</summary>
    private sealed class RequestEnricher : ILogEventEnricher
    {
        public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
        {
            if (CurrentRequest.Http is { } http)
            {
                logEvent.AddOrUpdateProperty(propertyFactory.CreateProperty("RequestId", RequestIds.Of(http)));
                // What is no model's name is the caller's text, which must not write lines of its own into a readable log.
                if (RequestModel.Of(http) is { } model && ModelName.IsValid(model))
                {
                    logEvent.AddPropertyIfAbsent(propertyFactory.CreateProperty("Model", model));
                }
            }
        }
    }
}
