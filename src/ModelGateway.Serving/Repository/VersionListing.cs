namespace ModelGateway.Serving.Repository;

/// <summary>One version folder as one scan saw it.</summary>
/// <param name="Version">The folder's number.</param>
/// <param name="Files">The files to fetch, by key; with a manifest those it names, itself and its signature.</param>
/// <param name="Fingerprint">Equal as long as no file changed.</param>
/// <param name="WaitReason">Why the version is not complete yet, or null where it may be loaded.</param>
public sealed record VersionListing(long Version, IReadOnlyList<StoredObject> Files, string Fingerprint, string? WaitReason)
{
    /// <summary>Where the files are fetched from.</summary>
    public required IObjectStore Store { get; init; }

    /// <summary>The key of the version's folder, with a slash at its end.</summary>
    public required string Prefix { get; init; }

    /// <summary>Where its files lie, as operators know it: the repository's location and the version's folder.</summary>
    public string Source => RepositoryLocation.Of(Store.Location, Prefix);

    /// <summary>It waits only for its files to stay unchanged for the settle time.</summary>
    public bool IsSettling { get; init; }

    /// <summary>SHA-256 by file name where the version has a manifest; null where it has none.</summary>
    public IReadOnlyDictionary<string, string>? Checksums { get; init; }

    /// <summary>
    /// Reads the manifest again, for who found that a file is not what it says: where the store gives no checksum, it may have been damaged
    /// on the way. Gives the version as it is then, or null where the manifest was right. Null where the version has none.
    /// </summary>
    public Func<CancellationToken, Task<VersionListing?>>? ReadManifestAgainAsync { get; init; }

    /// <summary>
    /// The <see cref="ModelArtifact.Digest"/> that the version will have, as far as it can be told without fetching it: by its manifest, by the
    /// SHA-256 that the store's index lists, or because its files were fetched before. Null where it cannot. What is fetched is compared
    /// with the first two; until then they are what the publisher says.
    /// </summary>
    public string? Digest { get; init; }
}

/// <summary>One model folder as one scan saw it.</summary>
/// <param name="Name">The folder's name, behind the repository's prefix for names.</param>
/// <param name="ConfigText">The text of <c>model.yaml</c>, or null where there is none.</param>
/// <param name="Versions">Its version folders, ascending.</param>
public sealed record ModelListing(string Name, string? ConfigText, IReadOnlyList<VersionListing> Versions)
{
    /// <summary>There is a <c>model.yaml</c>, but it is still being written or cannot be read, and no earlier text of it is known.</summary>
    public bool IsConfigPending { get; init; }
}

/// <summary>A whole repository as one scan saw it, or all repositories together.</summary>
/// <param name="Models">By name.</param>
/// <param name="Problems">Names that were passed over, each with its reason, for the log.</param>
public sealed record RepositoryListing(IReadOnlyDictionary<string, ModelListing> Models, IReadOnlyList<string> Problems)
{
    /// <summary>Names that several repositories offer, each with a sentence that names them; none of these is in <see cref="Models"/>.</summary>
    public IReadOnlyDictionary<string, string> Conflicts { get; init; } = new Dictionary<string, string>();

    /// <summary>A <c>model.yaml</c> or manifest could not be read, or is to be read again: worth another look before the interval is over.</summary>
    public bool HasUnreadTexts { get; init; }

    /// <summary>Every repository has been read; without that, a name that is missing may be in one that was not.</summary>
    public bool IsComplete { get; init; } = true;
}
