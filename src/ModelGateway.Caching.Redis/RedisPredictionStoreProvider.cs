using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Caching.Redis;

/// <summary>Section <c>Gateway:Cache:Redis</c>: Redis alone, behind sentinels, or as a cluster, and whatever speaks its protocol.</summary>
public sealed class RedisPredictionStoreProvider : IPredictionStoreProvider
{
    private const string SectionName = "Redis";

    public string SettingsName => SectionName;

    public Type SettingsType => typeof(RedisCacheOptions);

    public bool IsConfigured(IConfiguration settings) => !string.IsNullOrWhiteSpace(settings[nameof(RedisCacheOptions.Configuration)]);

    public IReadOnlyList<string> FindFaults(IConfiguration settings)
    {
        List<string> faults = [];
        RedisCacheOptions options = Bind(settings, faults);

        // A value of a wrong type leaves nothing of the others.
        bool isRead = faults.Count == 0 || options.Configuration is not null;
        if (isRead)
        {
            RedisSettings.FindFaults(options, faults);
        }

        return faults;
    }

    public IPredictionStore Open(IConfiguration settings, ILoggerFactory loggers)
    {
        RedisCacheOptions options = Bind(settings, []);
        var keys = new RedisKeys(options.KeyPrefix);
        return new RedisPredictionStore(new RedisConnection(RedisSettings.Create(options), keys.Epochs, loggers.CreateLogger<RedisPredictionStore>()), keys);
    }

    private static RedisCacheOptions Bind(IConfiguration settings, List<string> faults) => StoreSettings.Bind<RedisCacheOptions>(settings, "Cache:" + SectionName, faults);
}
