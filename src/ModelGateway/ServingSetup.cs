using Microsoft.Extensions.Options;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Trust;

namespace ModelGateway;

/// <summary>Puts the core together from the gateway's options.</summary>
internal static class ServingSetup
{
    public static IServiceCollection AddServing(this IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(provider => ToServingOptions(
            provider.GetRequiredService<IOptions<GatewayOptions>>().Value, provider.GetRequiredService<IHostEnvironment>().ContentRootPath));
        services.AddSingleton(provider => ToOnnxOptions(
            provider.GetRequiredService<IOptions<GatewayOptions>>().Value.Runtime, provider.GetRequiredService<ServingOptions>()));
        services.AddSingleton(OpenStore);
        services.AddSingleton(provider => new ModelRepository(
            provider.GetRequiredService<IObjectStore>(), provider.GetRequiredService<ServingOptions>().SettleTime, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new ArtifactCache(provider.GetRequiredService<ServingOptions>().ArtifactFolder));
        services.AddSingleton<ServingMetrics>();
        services.AddSingleton<IModelRuntime, OnnxModelRuntime>();
        services.AddSingleton<ServableManager>();
        services.AddSingleton<Predictor>();
        services.AddSingleton<RepositoryWatcher>();
        services.AddHostedService(provider => provider.GetRequiredService<RepositoryWatcher>());
        return services;
    }

    private static IObjectStore OpenStore(IServiceProvider services)
    {
        string repository = services.GetRequiredService<IOptions<GatewayOptions>>().Value.Repository;
        IConfiguration gateway = services.GetRequiredService<IConfiguration>().GetSection(GatewayOptions.Section);
        var context = new StoreContext(
            gateway,
            services.GetRequiredService<ServingMetrics>().ForStore(repository),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILoggerFactory>(),
            _ => throw new IOException());
        return Backends.Open(repository, services.GetRequiredService<IHostEnvironment>().ContentRootPath, gateway.GetSection, settings => context with { Settings = settings });
    }

    private static ServingOptions ToServingOptions(GatewayOptions options, string contentRoot)
    {
        var defaults = new ServingOptions();
        return defaults with
        {
            PollInterval = options.PollInterval,
            SettleTime = options.SettleTime,
            LoadParallelism = options.LoadParallelism,
            ArtifactFolder = options.ArtifactFolder ?? defaults.ArtifactFolder,
            QueueLength = options.Limits.QueueLength,
            PredictTimeout = options.Limits.PredictTimeout,
            Signatures = ConfiguredTrust.ReadSignatures(options.Signatures, contentRoot, []),
            Encryption = ConfiguredTrust.ReadEncryption(options.Encryption, contentRoot, []),
        };
    }

    private static OnnxOptions ToOnnxOptions(RuntimeOptions options, ServingOptions serving) => new()
    {
        Threads = options.Threads,
        ExecutionProvider = options.ExecutionProvider,
        MemoryArena = options.MemoryArena,
        Encryption = serving.Encryption,
    };
}
