using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Caching.Memcached;

/// <summary>Memcached as the store that gateways share: section <c>Gateway:Cache:Memcached</c>.</summary>
public sealed class MemcachedPredictionStoreProvider : IPredictionStoreProvider
{
    private const string Prefix = "Gateway:" + MemcachedCacheOptions.Section + ":";

    public string SettingsName => "Memcached";

    public Type SettingsType => typeof(MemcachedCacheOptions);

    public bool IsConfigured(IConfiguration settings) => !string.IsNullOrWhiteSpace(settings[nameof(MemcachedCacheOptions.Servers)]);

    public IReadOnlyList<string> FindFaults(IConfiguration settings)
    {
        List<string> faults = [];
        MemcachedCacheOptions options = StoreSettings.Bind<MemcachedCacheOptions>(settings, MemcachedCacheOptions.Section, faults);
        ReadServers(options.Servers, faults);
        FindFaultsOfAccess(options, faults);
        return faults;
    }

    public IPredictionStore Open(IConfiguration settings, ILoggerFactory loggers)
    {
        List<string> faults = [];
        MemcachedCacheOptions options = StoreSettings.Bind<MemcachedCacheOptions>(settings, MemcachedCacheOptions.Section, faults);
        IReadOnlyList<MemcachedAddress> servers = ReadServers(options.Servers, faults);
        return faults.Count == 0
            ? new MemcachedPredictionStore(servers, options, loggers.CreateLogger<MemcachedPredictionStore>(), TimeProvider.System)
            : throw new ArgumentException(string.Join(' ', faults), nameof(settings));
    }

    // Entries are named by their place: one may hold a password that somebody put there.
    private static List<MemcachedAddress> ReadServers(string? servers, List<string> faults)
    {
        List<MemcachedAddress> addresses = [];
        string[] entries = string.IsNullOrWhiteSpace(servers) ? [] : servers.Split(',', StringSplitOptions.TrimEntries);
        for (int place = 1; place <= entries.Length; place++)
        {
            if (!MemcachedAddress.TryParse(entries[place - 1], out MemcachedAddress? address))
            {
                faults.Add($"{Prefix}Servers: entry {place} is not host:port, such as cache-1.example.com:11211 or [::1]:11211.");
            }
            else if (addresses.Contains(address))
            {
                faults.Add($"{Prefix}Servers: entry {place} is there twice; remove one.");
            }
            else
            {
                addresses.Add(address);
            }
        }

        if (entries.Length == 0)
        {
            faults.Add($"{Prefix}Servers is missing: name at least one server, such as cache-1.example.com:11211.");
        }

        return addresses;
    }

    private static void FindFaultsOfAccess(MemcachedCacheOptions options, List<string> faults)
    {
        bool hasUser = !string.IsNullOrEmpty(options.Username);
        bool hasPassword = !string.IsNullOrEmpty(options.Password);
        bool hasFile = !string.IsNullOrEmpty(options.PasswordFile);
        AddIf(hasPassword && hasFile, $"{Prefix}Password and {Prefix}PasswordFile are both set; remove one.");
        AddIf(hasUser && !hasPassword && !hasFile, $"{Prefix}Username is set without its password: set {Prefix}PasswordFile or {Prefix}Password.");
        AddIf(!hasUser && (hasPassword || hasFile), $"{Prefix}Username is missing: its password is set.");
        AddIf(hasFile && !File.Exists(options.PasswordFile), $"{Prefix}PasswordFile: there is no file '{options.PasswordFile}'.");
        if (!string.IsNullOrEmpty(options.CertificateAuthorityFile))
        {
            AddIf(!options.Tls, $"{Prefix}CertificateAuthorityFile is set, but {Prefix}Tls is not; set both or none.");
            string? fault = TrustedAuthorities.FindFault(options.CertificateAuthorityFile);
            AddIf(fault is not null, $"{Prefix}CertificateAuthorityFile: {fault}");
        }

        void AddIf(bool isFault, string fault)
        {
            if (isFault)
            {
                faults.Add(fault);
            }
        }
    }
}
