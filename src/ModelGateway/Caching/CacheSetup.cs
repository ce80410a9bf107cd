using Microsoft.Extensions.Options;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using Prometheus;

namespace ModelGateway.Caching;

/// <summary>Puts the prediction cache together from the gateway's options.</summary>
internal static class CacheSetup
{
    public static void AddPredictionCache(this IServiceCollection services)
    {
        services.AddSingleton<CacheMetrics>();
        services.AddSingleton(CreatePredictions);
        services.AddSingleton(CreateAnswers);
        services.AddSingleton<AnswerFlights>();
        services.AddSingleton<RepeatedAnswers>();
        services.AddSingleton<KnownPaths>();
        services.AddSingleton<CacheDirectiveReader>();
    }

    private static PredictionCache CreatePredictions(IServiceProvider services)
    {
        CacheSettings settings = SettingsOf(services);
        string contentRoot = services.GetRequiredService<IHostEnvironment>().ContentRootPath;
        var options = new CacheOptions
        {
            Enabled = settings.Enabled,
            MaxBytes = settings.MaxBytes / 2,
            Ttl = settings.Ttl,
            MaxValueBytes = settings.MaxValueBytes,
            KeySecret = ConfiguredCache.ReadKeySecret(settings, contentRoot, []),
            CoalesceAcrossReplicas = settings.CoalesceAcrossReplicas,
            Runtime = services.GetRequiredService<IOptions<GatewayOptions>>().Value.Runtime.ExecutionProvider,
        };
        ServingMetrics metrics = services.GetRequiredService<ServingMetrics>();
        var cache = new PredictionCache(options, settings.Enabled ? OpenStore(settings, contentRoot, services) : null, metrics, services.GetRequiredService<TimeProvider>());
        services.GetRequiredService<CollectorRegistry>().AddBeforeCollectCallback(cache.Report);
        return cache;
    }

    private static AnswerCache CreateAnswers(IServiceProvider services)
    {
        var answers = new AnswerCache(SettingsOf(services).MaxBytes / 2, services.GetRequiredService<PredictionCache>(), services.GetRequiredService<ServingMetrics>());
        services.GetRequiredService<CollectorRegistry>().AddBeforeCollectCallback(answers.Report);
        return answers;
    }

    private static SharedPredictions? OpenStore(CacheSettings settings, string contentRoot, IServiceProvider services)
    {
        IConfiguration gateway = services.GetRequiredService<IConfiguration>().GetSection(GatewayOptions.Section);
        if (ConfiguredCache.FindStore(gateway, []) is not { } provider)
        {
            return null;
        }

        ILoggerFactory loggers = services.GetRequiredService<ILoggerFactory>();
        var options = new SharedPredictionOptions
        {
            Timeout = settings.StoreTimeout,
            MaxValueBytes = (int)settings.MaxValueBytes,
            Encryption = ConfiguredCache.ReadEncryption(settings, contentRoot, []) is { } encryption ? new CacheEncryption(encryption.Keys, encryption.WritingKey) : null,
        };
        return new SharedPredictions(
            provider.Open(ConfiguredCache.SettingsOf(gateway, provider), loggers),
            options,
            services.GetRequiredService<CacheMetrics>(),
            services.GetRequiredService<TimeProvider>(),
            loggers.CreateLogger<SharedPredictions>());
    }

    private static CacheSettings SettingsOf(IServiceProvider services) => services.GetRequiredService<IOptions<GatewayOptions>>().Value.Cache;
}
