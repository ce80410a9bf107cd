using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Trust;

namespace ModelGateway.Caching;

/// <summary>Makes the parts of the cache of the section <c>Gateway:Cache</c>. Faults name the setting and what to do, never a secret.</summary>
internal static class ConfiguredCache
{
    private const int ShortestSecret = 32;

    /// <summary>The secret of the keys; null where none is set or it has faults.</summary>
    public static byte[]? ReadKeySecret(CacheSettings settings, string contentRoot, List<string> faults)
    {
        if (string.IsNullOrWhiteSpace(settings.KeySecret) && string.IsNullOrWhiteSpace(settings.KeySecretFile))
        {
            return null;
        }

        if (ConfiguredTrust.ReadText(CacheSettings.Section, (nameof(settings.KeySecret), settings.KeySecret), (nameof(settings.KeySecretFile), settings.KeySecretFile), contentRoot, faults) is not { } text)
        {
            return null;
        }

        byte[] secret = new byte[text.Value.Length];
        if (Convert.TryFromBase64String(text.Value.Trim(), secret, out int length) && length >= ShortestSecret)
        {
            return secret[..length];
        }

        faults.Add($"{text.Source} is not base64 of {ShortestSecret} bytes or more: make one with 'openssl rand -base64 32'.");
        return null;
    }

    /// <summary>What values are encrypted with; null for nothing, or where there are faults.</summary>
    public static (EncryptionKeys Keys, string WritingKey)? ReadEncryption(CacheSettings settings, string contentRoot, List<string> faults)
    {
        string section = $"{CacheSettings.Section}:{nameof(settings.Encryption)}";
        if (settings.Encryption.Keys.Count == 0)
        {
            if (settings.Encryption.KeyId is not null)
            {
                faults.Add($"{section}:{nameof(settings.Encryption.KeyId)} is set and there are no keys: set {section}:Keys:0:Id and {section}:Keys:0:KeyFile.");
            }

            return null;
        }

        EncryptionKeys keys = ConfiguredTrust.ReadEncryption(section, settings.Encryption.Keys, contentRoot, faults);
        string writing = settings.Encryption.KeyId ?? settings.Encryption.Keys[0].Id ?? "";
        if (settings.Encryption.KeyId is not null && !settings.Encryption.Keys.Any(key => key.Id == writing))
        {
            faults.Add($"{section}:{nameof(settings.Encryption.KeyId)} is '{writing}', which is the Id of none of the keys.");
        }

        return keys.Find(writing) is null ? null : (keys, writing);
    }

    /// <summary>The store that is configured; null for none. Two are a fault.</summary>
    public static IPredictionStoreProvider? FindStore(IConfiguration gateway, List<string> faults)
    {
        List<IPredictionStoreProvider> configured = [.. Backends.PredictionStores.Where(store => store.IsConfigured(SettingsOf(gateway, store)))];
        if (configured.Count > 1)
        {
            faults.Add($"{string.Join(" and ", configured.Select(store => $"{CacheSettings.Section}:{store.SettingsName}"))} are all set: keep one store.");
        }

        faults.AddRange(configured.SelectMany(store => store.FindFaults(SettingsOf(gateway, store))));
        return configured.FirstOrDefault();
    }

    /// <summary>The section of a store.</summary>
    public static IConfiguration SettingsOf(IConfiguration gateway, IPredictionStoreProvider store) => gateway.GetSection("Cache").GetSection(store.SettingsName);
}
