namespace ModelGateway.Serving.Repository;

/// <summary>
/// A store that listens to the <see cref="RepositoryIndex"/> at its root: while there is one, it is the listing, and one small request tells
/// that nothing changed. Without one the store is as it is.
/// </summary>
/// <remarks>
/// What it asks of the store inside:
/// <code>
/// first time             find index.json; then as in one of the lines below
/// index, unchanged       find
/// index, changed         find, copy
/// index gone             find, list
/// no index               list
/// no index, one appears  list, find (for its checksum, if the listing has none), copy
/// </code>
/// Shared by all threads: what was read last, replaced whole. Two listings at a time may both ask; each answers what it saw.
/// </remarks>
/// <param name="inner">Where the repository lies; its listing shows an index as any other object.</param>
public sealed class IndexedObjectStore(IObjectStore inner) : IObjectStore
{
    // A store's own markers look otherwise.
    private const string MarkerPrefix = "index.json ";

    // Null until an index was read, and after it went.
    private volatile IndexContent? _last;

    private volatile Layout _layout;

    private enum Layout
    {
        // Not looked at yet.
        Unknown,

        Indexed,

        // Seen without an index: the listing will show when one comes.
        Plain,
    }

    /// <inheritdoc/>
    public string Location => inner.Location;

    /// <inheritdoc/>
    public bool SupportsRanges => inner.SupportsRanges;

    /// <inheritdoc/>
    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        if (_layout != Layout.Plain)
        {
            if (await LookAsync(cancellationToken) is { } index)
            {
                _layout = Layout.Indexed;
                return await ReadAsync(index, unlessMarker, cancellationToken);
            }

            _last = null;
        }

        bool isOfIndex = unlessMarker?.StartsWith(MarkerPrefix, StringComparison.Ordinal) == true;
        ObjectListing? listing = await inner.ListAsync(isOfIndex ? null : unlessMarker, cancellationToken);
        foreach (StoredObject item in listing?.Objects ?? [])
        {
            if (item.Key == RepositoryIndex.FileName)
            {
                // Believed from now on, even where this first reading fails: its publisher will put it right.
                _layout = Layout.Indexed;
                return await ReadAsync(await WithChecksumAsync(item, cancellationToken), unlessMarker, cancellationToken);
            }
        }

        _layout = Layout.Plain;
        return listing;
    }

    /// <summary>The index's entry where the repository has an index, which takes no request; else what the store finds.</summary>
    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (_last is null && _layout != Layout.Plain)
        {
            await ListAsync(null, cancellationToken);
        }

        return _last is not { } last ? await inner.FindAsync(key, cancellationToken)
            : last.Entries.TryGetValue(key, out StoredObject entry) ? entry
            : null;
    }

    /// <inheritdoc/>
    public Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken) => IsIndexed(source)
        ? CheckedCopy.RunAsync(source, offset, count, destination, checking => inner.CopyRangeAsync(source with { Tag = "" }, offset, count, checking, cancellationToken))
        : inner.CopyRangeAsync(source, offset, count, destination, cancellationToken);

    // Told from the object alone: it may come from a listing that an earlier process kept. No store makes SHA-256 its tag.
    private static bool IsIndexed(StoredObject source) => source.Checksum is { Algorithm: ChecksumAlgorithm.Sha256 } checksum && checksum.Hex == source.Tag;

    private async Task<StoredObject?> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await inner.FindAsync(RepositoryIndex.FileName, cancellationToken);
        }
        catch (IOException) when (_layout == Layout.Unknown)
        {
            // S3 refuses to say that an object is not there to whom it lets list one prefix alone. The listing tells it, or fails too.
            return null;
        }
    }

    // A store that refuses to look may still let read.
    private async Task<StoredObject> WithChecksumAsync(StoredObject index, CancellationToken cancellationToken)
    {
        try
        {
            return index.Checksum is null && await inner.FindAsync(RepositoryIndex.FileName, cancellationToken) is { } found ? found : index;
        }
        catch (IOException)
        {
            return index;
        }
    }

    private async Task<ObjectListing?> ReadAsync(StoredObject index, string? unlessMarker, CancellationToken cancellationToken)
    {
        string marker = MarkerPrefix + index.Tag;
        if (marker == unlessMarker)
        {
            return null;
        }

        if (_last is { } last && last.Listing.Marker == marker)
        {
            return last.Listing;
        }

        if (index.Size > RepositoryIndex.LargestSize)
        {
            throw new IOException($"The {RepositoryIndex.FileName} of {Location} has {index.Size} bytes, more than the {RepositoryIndex.LargestSize} that are read.");
        }

        using var content = new MemoryStream((int)index.Size);
        await inner.CopyToAsync(index, content, cancellationToken);
        Check(content, index);
        IReadOnlyList<StoredObject> objects = Parse(content, index);
        var read = new IndexContent(new ObjectListing(objects, marker), objects.ToDictionary(item => item.Key, StringComparer.Ordinal));
        _last = read;
        return read.Listing;
    }

    // One wrong digit would be believed for as long as the index stays the same.
    private void Check(MemoryStream content, StoredObject index)
    {
        if (index.Checksum is not { } expected)
        {
            return;
        }

        using var calculator = new ChecksumCalculator(expected.Algorithm);
        calculator.Append(content.GetBuffer().AsSpan(0, (int)content.Length));
        if (calculator.GetChecksumAndReset() != expected)
        {
            throw new IOException($"The {RepositoryIndex.FileName} of {Location} arrived damaged: its checksum is not the one that the store says.");
        }
    }

    private IReadOnlyList<StoredObject> Parse(MemoryStream content, StoredObject index)
    {
        try
        {
            return RepositoryIndex.Parse(content.GetBuffer().AsSpan(0, (int)content.Length), index.LastModified);
        }
        catch (FormatException exception)
        {
            throw new IOException($"The repository {Location} cannot be read: {exception.Message}", exception);
        }
    }

    private sealed record IndexContent(ObjectListing Listing, IReadOnlyDictionary<string, StoredObject> Entries);
}
