namespace ModelGateway.Serving.Repository;

/// <summary>What follows from a store's few operations.</summary>
public static class ObjectStoreExtensions
{
    /// <summary>Copies one object as it was listed, whole.</summary>
    /// <exception cref="ObjectChangedException">It is no longer the object that was listed, or changed during the copy.</exception>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public static Task CopyToAsync(this IObjectStore store, StoredObject source, Stream destination, CancellationToken cancellationToken) =>
        store.CopyRangeAsync(source, 0, source.Size, destination, cancellationToken);
}
