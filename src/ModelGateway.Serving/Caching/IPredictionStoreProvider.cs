using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace ModelGateway.Serving.Caching;

/// <summary>Makes a store of predictions from its section of settings; the host collects the providers and takes the one that is configured.</summary>
public interface IPredictionStoreProvider
{
    /// <summary>Name of its section below <c>Gateway:Cache</c>, for example <c>Redis</c>.</summary>
    string SettingsName { get; }

    /// <summary>The options that the section is bound to, each property with a description for the documentation.</summary>
    Type SettingsType { get; }

    /// <summary>Whether the section names a store.</summary>
    bool IsConfigured(IConfiguration settings);

    /// <summary>All that is wrong with the settings, each a sentence that names the key in full and no secret; empty where <see cref="Open"/> will do.</summary>
    IReadOnlyList<string> FindFaults(IConfiguration settings);

    /// <summary>The store behind settings without faults. Connects in the background: a store that is away does not keep a gateway from starting.</summary>
    IPredictionStore Open(IConfiguration settings, ILoggerFactory loggers);
}
