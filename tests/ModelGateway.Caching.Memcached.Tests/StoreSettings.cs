using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Caching;

namespace ModelGateway.Caching.Memcached.Tests;

/// <summary>Stores as the host opens them: by their section of settings.</summary>
internal static class StoreSettings
{
    /// <summary>A section; each setting as <c>Key=value</c>.</summary>
    public static IConfiguration Of(params string[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => setting.Split('=', 2)).Select(parts => new KeyValuePair<string, string?>($"Gateway:Cache:Memcached:{parts[0]}", parts[1])))
        .Build()
        .GetSection("Gateway:Cache:Memcached");

    /// <summary>A store with these settings.</summary>
    public static IPredictionStore Open(params string[] settings) => new MemcachedPredictionStoreProvider().Open(Of(settings), NullLoggerFactory.Instance);
}
