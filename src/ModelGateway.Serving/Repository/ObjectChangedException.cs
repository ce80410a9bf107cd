namespace ModelGateway.Serving.Repository;

/// <summary>An object is not, or no longer, the one that was listed; the next scan sees what is there now.</summary>
/// <param name="key">The object's key.</param>
/// <param name="what">What is known about it, to follow the key in a sentence; null where it changed between its listing and the end of its copy.</param>
public sealed class ObjectChangedException(string key, string? what = null) : IOException($"'{key}' {what ?? "changed while it was copied"}.");
