using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Options;
using ModelGateway.Platforms.Artifacts;
using ModelGateway.Platforms.SageMaker;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Platforms;

/// <summary>The cloud platform that the process runs on, if any: settings that follow from it, and its routes. Without one nothing is added.</summary>
internal static class PlatformSetup
{
    /// <summary>Comes before all else that reads the configuration. What it sets is weaker than every other source.</summary>
    public static void AddPlatform(this WebApplicationBuilder builder, string[] args)
    {
        PlatformSettings settings = PlatformReader.Read(args, builder.Configuration);
        if (settings.Defaults.Count > 0)
        {
            builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = settings.Defaults });
        }

        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(new PlatformValidator(settings));
        if (settings.Platform != Platform.None)
        {
            builder.Services.AddSingleton<PlatformModel>();
            builder.Services.AddSingleton<PlatformHealth>();
        }

        if (settings.IsMultiModel)
        {
            builder.Services.AddSingleton<PlacedModels>();
            builder.Services.AddSingleton<MultiModelAnswers>();
        }
    }

    public static void MapPlatform(this WebApplication app)
    {
        PlatformSettings settings = app.Services.GetRequiredService<PlatformSettings>();
        switch (settings.Platform)
        {
            case Platform.SageMaker:
                app.MapSageMaker(settings);
                break;
            case Platform.Vertex:
                app.MapVertex(settings);
                break;
            case Platform.AzureMl:
                app.MapAzureMl(settings);
                break;
            default:
                break;
        }
    }

    /// <summary>A store as the repository that it is meant to be: what a platform puts into the container need not have a repository's folders.</summary>
    public static IObjectStore AsRepository(this PlatformSettings settings, IObjectStore store) =>
        settings is { Artifacts: { } artifacts, IsMultiModel: false } ? new ArrangedStore(store, artifacts) : store;
}
