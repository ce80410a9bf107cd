namespace ModelGateway.Serving.Repository;

/// <summary>One object of a store, as a listing shows it.</summary>
/// <param name="Key">Its name below the repository's root, with <c>/</c> between the parts and none in front.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Tag">Changes whenever the content does: an ETag, a generation, a size with a time.</param>
/// <param name="LastModified">When it last changed, or its folder did, by the store's clock.</param>
public readonly record struct StoredObject(string Key, long Size, string Tag, DateTimeOffset LastModified)
{
    /// <summary>The store's own checksum of the content, where it told one.</summary>
    public ObjectChecksum? Checksum { get; init; }
}
