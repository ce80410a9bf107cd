namespace ModelGateway.Serving.Caching;

/// <summary>A value that was found in the shared store.</summary>
/// <param name="Payload">An array of its own; the caller's to keep.</param>
/// <param name="MadeAt">When it was made, to the millisecond, by the clock of the gateway that made it.</param>
/// <param name="FreshFor">How long it is fresh from then; it may be kept longer than that.</param>
public readonly record struct SharedValue(byte[] Payload, DateTimeOffset MadeAt, TimeSpan FreshFor);
