namespace ModelGateway.Serving.Repository;

/// <summary>An object changed between its listing and the end of its copy; the next scan sees the new one.</summary>
/// <param name="key">The object's key.</param>
public sealed class ObjectChangedException(string key) : IOException($"'{key}' changed while it was copied.");
