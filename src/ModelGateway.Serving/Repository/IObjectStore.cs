namespace ModelGateway.Serving.Repository;

/// <summary>
/// Where model repositories lie: a folder, a bucket, a web server, a registry. All methods may be called from several threads at a time.
/// </summary>
/// <remarks>
/// What fails because the store is away, slow, or refuses is an <see cref="IOException"/> whose message names the cause and what to
/// change, without secrets; the caller keeps what it has and tries again. A store does not repeat failed requests more than its SDK
/// does by default: the callers do, with patience. It bounds the time in which nothing at all arrives.
/// </remarks>
public interface IObjectStore
{
    /// <summary>The root as operators know it, without secrets; for logs, metrics and the repository index.</summary>
    string Location { get; }

    /// <summary>
    /// Whether <see cref="CopyRangeAsync"/> costs what the range is long. Without it objects are copied whole, in one piece.
    /// </summary>
    bool SupportsRanges { get; }

    /// <summary>
    /// Whether what is listed may still be on its way, so that it must have looked the same for a while before it is believed. Not so for a
    /// store that lists a version only once it is whole, as a registry does.
    /// </summary>
    bool MustSettle => true;

    /// <summary>
    /// Every object below the root, or null where nothing has changed since the listing with that marker. Names that are hidden (a part
    /// that starts with a dot) are left out, and so are names that no folder could hold (see <see cref="ObjectKey"/>).
    /// </summary>
    /// <param name="unlessMarker">The <see cref="ObjectListing.Marker"/> of the last listing, or null to be given the listing in any case.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken);

    /// <summary>
    /// One object as it is now, with the store's checksum of its content where the store has one (a listing may leave that out);
    /// null where there is no such object. One cheap request.
    /// </summary>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken);

    /// <summary>
    /// Copies <paramref name="count"/> bytes from <paramref name="offset"/> on of an object as it was listed. Bytes that were written
    /// to the destination before an <see cref="IOException"/> are right: the caller goes on behind them.
    /// </summary>
    /// <param name="source">As listed; an empty <see cref="StoredObject.Tag"/> stands for whatever is there now.</param>
    /// <param name="offset">First byte, from 0.</param>
    /// <param name="count">Bytes; the range lies within <see cref="StoredObject.Size"/>, and may be empty.</param>
    /// <param name="destination">Gets exactly <paramref name="count"/> bytes unless the method throws. What it throws passes through.</param>
    /// <param name="cancellationToken">Ends the copy.</param>
    /// <exception cref="ObjectChangedException">It is no longer the object that was listed, or changed during the copy.</exception>
    /// <exception cref="IOException">The store cannot be read now, or the connection was cut.</exception>
    Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken);
}
