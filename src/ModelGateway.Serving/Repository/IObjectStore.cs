namespace ModelGateway.Serving.Repository;

/// <summary>Where model repositories lie: a folder, a bucket. Two operations are all that the repository needs.</summary>
public interface IObjectStore
{
    /// <summary>The root as operators know it, without secrets; for logs and the repository index.</summary>
    string Location { get; }

    /// <summary>Every object below the root. Names that are hidden (a part that starts with a dot) are left out.</summary>
    /// <exception cref="IOException">The store cannot be read now; the caller keeps what it has and tries again.</exception>
    Task<IReadOnlyList<StoredObject>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Copies one object as it was listed.</summary>
    /// <exception cref="ObjectChangedException">It is no longer the object that was listed, or changed during the copy.</exception>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    Task CopyToAsync(StoredObject source, Stream destination, CancellationToken cancellationToken);
}
