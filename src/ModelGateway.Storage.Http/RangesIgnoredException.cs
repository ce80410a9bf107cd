namespace ModelGateway.Storage.Http;

/// <summary>The server sends objects whole, whatever range it is asked for. Nothing was written to the destination.</summary>
/// <param name="key">The object's key.</param>
public sealed class RangesIgnoredException(string key) : IOException($"'{key}': the server does not send parts of an object.");
