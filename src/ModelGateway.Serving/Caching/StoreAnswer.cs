namespace ModelGateway.Serving.Caching;

/// <summary>How a call of a store ended: with a value, or not in time or not well, which is counted already.</summary>
internal readonly record struct StoreAnswer<T>(bool Succeeded, T? Value);
