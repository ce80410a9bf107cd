namespace ModelGateway.Serving.Repository;

/// <summary>What is kept of a repository's last good listing, so that a start without the store knows what was served before.</summary>
/// <param name="Objects">Every object, as listed.</param>
/// <param name="Texts">The texts that were read, by key: each <c>model.yaml</c> and <c>manifest.json</c>.</param>
/// <param name="Settled">What had settled, by key, with its fingerprint.</param>
public sealed record JournaledListing(
    IReadOnlyList<StoredObject> Objects, IReadOnlyDictionary<string, JournaledText> Texts, IReadOnlyDictionary<string, string> Settled);

/// <summary>One text.</summary>
/// <param name="Tag">Of the object that it was read from.</param>
/// <param name="Content">Its bytes.</param>
public sealed record JournaledText(string Tag, byte[] Content);
