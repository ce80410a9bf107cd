namespace ModelGateway.Serving.Repository;

/// <summary>A whole store as one listing saw it.</summary>
/// <param name="Objects">Every object below the root, in no particular order.</param>
/// <param name="Marker">Stays the same as long as nothing changes, for stores that can tell that by one small request; null for others.</param>
public sealed record ObjectListing(IReadOnlyList<StoredObject> Objects, string? Marker)
{
    /// <summary>Versions of which nothing is among the objects, each with the reason: of a registry, which knows more than it can show.</summary>
    public IReadOnlyList<WaitingVersion> Waiting { get; init; } = [];
}
