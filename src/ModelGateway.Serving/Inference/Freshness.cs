using ModelGateway.Serving.Caching;

namespace ModelGateway.Serving.Inference;

/// <summary>How long an answer may be given again.</summary>
/// <param name="Scope">While this is the scope of the version that answered.</param>
/// <param name="MadeAt">When its run ended; of rows from several runs the oldest.</param>
/// <param name="FreshFor">How long it is fresh from then on.</param>
public readonly record struct Freshness(CacheScope Scope, DateTimeOffset MadeAt, TimeSpan FreshFor);
