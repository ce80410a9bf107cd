using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using ModelGateway.Caching;
using ModelGateway.Repositories;
using ModelGateway.Transport;
using ModelGateway.Trust;

namespace ModelGateway;

/// <summary>Options and the web server.</summary>
internal static class HostSetup
{
    private const string DefaultUrl = "http://+:8080";

    /// <summary>Binds and checks the section <c>Gateway</c>; a start with faults lists them all.</summary>
    public static void AddGatewayOptions(this WebApplicationBuilder builder)
    {
        IConfigurationSection section = builder.Configuration.GetSection(GatewayOptions.Section);
        builder.Services.AddSingleton<IOptionsChangeTokenSource<GatewayOptions>>(new ConfigurationChangeTokenSource<GatewayOptions>(section));
        builder.Services.AddOptionsWithValidateOnStart<GatewayOptions, GatewayOptionsValidator>().Configure(options => Bind(section, options));
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(new RepositoryValidator(section, builder.Environment));
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>, TrustOptionsValidator>();
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>, ArtifactFolderValidator>();
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(new CacheSettingsValidator(section, builder.Environment));
        builder.Services.AddOptions<HostOptions>()
            .Configure<IOptions<GatewayOptions>>((host, gateway) => host.ShutdownTimeout = gateway.Value.Shutdown.Delay + gateway.Value.Shutdown.Timeout);
    }

    // A value of the wrong type is a fault like any other, not a crash.
    private static void Bind(IConfigurationSection section, GatewayOptions options)
    {
        try
        {
            section.Bind(options);
        }
        catch (InvalidOperationException exception)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(GatewayOptions), [exception.Message]);
        }
    }

    public static void AddKestrel(this WebApplicationBuilder builder)
    {
        bool hasAddress = new[] { "urls", "http_ports", "https_ports", "Kestrel:Endpoints" }
            .Any(key => builder.Configuration.GetSection(key) is { } section && (section.Value is not null || section.GetChildren().Any()));
        if (!hasAddress)
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }

        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, BlockPoolFactory>();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<GatewayOptions>>((kestrel, gateway) =>
        {
            LimitOptions limits = gateway.Value.Limits;
            kestrel.Limits.MaxRequestBodySize = limits.MaxBodyBytes;
            kestrel.Limits.MinRequestBodyDataRate = limits.MinBodyBytesPerSecond == 0
                ? null
                : new MinDataRate(limits.MinBodyBytesPerSecond, gracePeriod: TimeSpan.FromSeconds(5));
        });
    }
}
