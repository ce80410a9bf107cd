using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

/// <summary>The section <c>Gateway:Cache:Redis</c> of a test.</summary>
internal static class RedisSection
{
    /// <summary>From <c>Key=value</c>; what follows the first equals sign is the value.</summary>
    public static IConfiguration Of(params string[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2)).ToDictionary(parts => parts[0], parts => (string?)parts[1]))
        .Build();

    /// <summary>A store by settings that must be faultless.</summary>
    public static IPredictionStore Open(params string[] settings) => Open(NullLoggerFactory.Instance, settings);

    /// <summary>A store by settings that must be faultless, and what it logs.</summary>
    public static IPredictionStore Open(ILoggerFactory loggers, params string[] settings)
    {
        var provider = new RedisPredictionStoreProvider();
        IConfiguration section = Of(settings);
        Assert.True(provider.IsConfigured(section));
        Assert.Empty(provider.FindFaults(section));
        return provider.Open(section, loggers);
    }
}
