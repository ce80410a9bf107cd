using Microsoft.Extensions.Options;
using ModelGateway.Platforms;
using ModelGateway.Platforms.SageMaker;
using ModelGateway.Repositories;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Trust;

namespace ModelGateway;

/// <summary>Puts the core together from the gateway's options.</summary>
internal static class ServingSetup
{
    // A look at a folder costs next to nothing; one at a store costs money, and takes a share of its request rate.
    private static readonly TimeSpan FolderPollInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StorePollInterval = TimeSpan.FromSeconds(30);

    // Of what .NET takes for its own at most: the machine's memory, or three quarters of the container's limit. The rest is for runs, bodies,
    // answers that are remembered, and the pages of files that are mapped; and the estimate is one.
    private const double ShareForModels = 0.6;

    public static IServiceCollection AddServing(this IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(provider => ToServingOptions(
            provider.GetRequiredService<IOptions<GatewayOptions>>().Value, provider.GetRequiredService<IHostEnvironment>().ContentRootPath));
        services.AddSingleton(provider => ToOnnxOptions(
            provider.GetRequiredService<IOptions<GatewayOptions>>().Value, provider.GetRequiredService<ServingOptions>()));
        services.AddSingleton(CreateArtifactCache);
        services.AddSingleton(provider => new ListingJournal(
            Path.Combine(provider.GetRequiredService<ServingOptions>().ArtifactFolder, "listings"), provider.GetRequiredService<ILogger<ListingJournal>>()));
        services.AddSingleton<ServingMetrics>();
        services.AddSingleton<IModelRuntime, OnnxModelRuntime>();
        services.AddSingleton<ServableManager>();
        services.AddSingleton<Predictor>();
        services.AddSingleton(OpenRepositories);
        services.AddSingleton<RepositoryWatcher>();
        services.AddHostedService(provider => provider.GetRequiredService<RepositoryWatcher>());
        return services;
    }

    private static IReadOnlyList<WatchedRepository> OpenRepositories(IServiceProvider services)
    {
        if (services.GetService<PlacedModels>() is { } placed)
        {
            return [placed.Watch(services)];
        }

        IConfiguration gateway = services.GetRequiredService<IConfiguration>().GetSection(GatewayOptions.Section);
        return [.. ConfiguredRepository.Read(services.GetRequiredService<IOptions<GatewayOptions>>().Value, gateway).Select(repository => Open(repository, gateway, services))];
    }

    private static WatchedRepository Open(ConfiguredRepository repository, IConfiguration gateway, IServiceProvider services)
    {
        ServingOptions options = services.GetRequiredService<ServingOptions>();
        string contentRoot = services.GetRequiredService<IHostEnvironment>().ContentRootPath;
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        var context = new StoreContext(
            gateway,
            services.GetRequiredService<ServingMetrics>().ForStore(Backends.Stores.LocationOf(repository.Uri, contentRoot)),
            time,
            services.GetRequiredService<ILoggerFactory>(),
            static _ => throw new IOException("No other store can be opened from here."));
        IObjectStore store = Backends.Stores.Open(repository.Uri, contentRoot, repository.Settings, gateway.GetSection, context);
        var models = new ModelRepository(services.GetRequiredService<PlatformSettings>().AsRepository(store), options.SettleTime, time)
        {
            NamePrefix = repository.NamePrefix,
            Artifacts = services.GetRequiredService<ArtifactCache>(),
            Journal = services.GetRequiredService<ListingJournal>(),
        };
        return new WatchedRepository(models, repository.PollInterval ?? (store is FileObjectStore ? FolderPollInterval : StorePollInterval));
    }

    private static ArtifactCache CreateArtifactCache(IServiceProvider services)
    {
        FetchOptions options = services.GetRequiredService<IOptions<GatewayOptions>>().Value.ArtifactCache;
        return new ArtifactCache(
            services.GetRequiredService<ServingOptions>().ArtifactFolder,
            new ArtifactCacheOptions { MaxBytes = options.MaxBytes, Parallelism = options.Parallelism },
            services.GetRequiredService<ServingMetrics>(),
            services.GetRequiredService<TimeProvider>());
    }

    private static ServingOptions ToServingOptions(GatewayOptions options, string contentRoot)
    {
        var defaults = new ServingOptions();
        return defaults with
        {
            SettleTime = options.SettleTime,
            LoadParallelism = options.LoadParallelism,
            ArtifactFolder = options.ArtifactFolder ?? defaults.ArtifactFolder,
            MemoryBudget = options.Memory.BudgetBytes ?? (long)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * ShareForModels),
            LoadOnDemand = options.Memory.LoadOnDemand,
            QueueLength = options.Limits.QueueLength,
            PredictTimeout = options.Limits.PredictTimeout,
            Workers = options.Runtime.Workers ?? defaults.Workers,
            Signatures = ConfiguredTrust.ReadSignatures(options.Signatures, contentRoot, []),
            Encryption = ConfiguredTrust.ReadEncryption(options.Encryption, contentRoot, []),
        };
    }

    private static OnnxOptions ToOnnxOptions(GatewayOptions options, ServingOptions serving) => new()
    {
        Threads = options.Runtime.Threads,
        ExecutionProvider = options.Runtime.ExecutionProvider,
        MemoryArena = options.Runtime.MemoryArena,
        GraphCache = ToGraphCacheOptions(options, serving),
        Encryption = serving.Encryption,
    };

    // Whoever asks for signatures believes no file for lying in a folder of ours: the signature covers the model, and not what was made of it.
    private static GraphCacheOptions? ToGraphCacheOptions(GatewayOptions options, ServingOptions serving) =>
        options.GraphCache.Enabled && options.Signatures.Mode != SignatureMode.Require
            ? new GraphCacheOptions(Path.Combine(serving.ArtifactFolder, "graphs")) { MaxBytes = options.GraphCache.MaxBytes }
            : null;
}
