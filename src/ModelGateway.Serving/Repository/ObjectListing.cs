namespace ModelGateway.Serving.Repository;

/// <summary>A whole store as one listing saw it.</summary>
/// <param name="Objects">Every object below the root, in no particular order.</param>
/// <param name="Marker">Stays the same as long as nothing changes, for stores that can tell that by one small request; null for others.</param>
public sealed record ObjectListing(IReadOnlyList<StoredObject> Objects, string? Marker);
