using Microsoft.Extensions.Options;

namespace ModelGateway.Caching;

/// <summary>The rules for <c>Gateway:Cache</c> that attributes cannot say; all faults at once.</summary>
internal sealed class CacheSettingsValidator(IConfiguration gateway, IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var faults = new List<string>();
        ConfiguredCache.ReadKeySecret(options.Cache, environment.ContentRootPath, faults);
        ConfiguredCache.ReadEncryption(options.Cache, environment.ContentRootPath, faults);
        bool hasStore = ConfiguredCache.FindStore(gateway, faults) is not null;
        if (!string.IsNullOrWhiteSpace(options.Cache.TenantClaim) && !options.Auth.Enabled)
        {
            faults.Add($"{CacheSettings.Section}:{nameof(CacheSettings.TenantClaim)} is set and Gateway:Auth:Enabled is false: without tokens nobody can tell the tenants apart.");
        }

        if (options.Cache.CoalesceAcrossReplicas && !hasStore)
        {
            faults.Add($"{CacheSettings.Section}:{nameof(CacheSettings.CoalesceAcrossReplicas)} is set and there is no shared store: set {CacheSettings.Section}:Redis:Configuration or {CacheSettings.Section}:Memcached:Servers.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
