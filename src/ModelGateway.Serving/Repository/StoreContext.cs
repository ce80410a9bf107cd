using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Repository;

/// <summary>What a provider is given to make a store with.</summary>
/// <param name="Settings">The provider's section: that of the repository over that of all. Empty where nothing is set.</param>
/// <param name="Traffic">Counts the requests to the store, under the repository's location.</param>
/// <param name="Time">The clock.</param>
/// <param name="Loggers">For what operators should read.</param>
/// <param name="OpenOther">
/// Opens the store behind another URI with the settings for all: for registries whose artifacts lie elsewhere. Its requests count for the
/// same repository. Throws <see cref="IOException"/> for a scheme that no provider has or a URI with faults.
/// </param>
public sealed record StoreContext(IConfiguration Settings, StoreTraffic Traffic, TimeProvider Time, ILoggerFactory Loggers, Func<Uri, IObjectStore> OpenOther);
