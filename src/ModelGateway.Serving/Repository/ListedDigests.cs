namespace ModelGateway.Serving.Repository;

/// <summary>What versions without a manifest are, as far as their listing and the artifact cache know: asked once for as long as the files stay the same.</summary>
/// <param name="location">The store's location.</param>
internal sealed class ListedDigests(string location)
{
    // By the version's prefix. When the files are fetched later, the manager learns the digest from there.
    private readonly Dictionary<string, (string Fingerprint, string? Digest)> _known = new(StringComparer.Ordinal);

    /// <summary>The digest of a version's files; null where it cannot be told without fetching them.</summary>
    /// <param name="prefix">The version's prefix.</param>
    /// <param name="files">As listed.</param>
    /// <param name="fingerprint">Another one where they change.</param>
    /// <param name="artifacts">Asked for files without a checksum; null for nobody.</param>
    public string? Find(string prefix, IReadOnlyList<StoredObject> files, string fingerprint, ArtifactCache? artifacts)
    {
        if (_known.TryGetValue(prefix, out (string Fingerprint, string? Digest) known) && known.Fingerprint == fingerprint)
        {
            return known.Digest;
        }

        var named = new List<(string Name, string Sha256)>(files.Count);
        foreach (StoredObject file in files)
        {
            string? sha256 = file.Checksum is { Algorithm: ChecksumAlgorithm.Sha256 } checksum ? checksum.Hex : artifacts?.Recall(location, file);
            if (sha256 is null)
            {
                break;
            }

            named.Add((file.Key[prefix.Length..], sha256));
        }

        string? digest = named.Count == files.Count ? ArtifactDigest.Of(named) : null;
        _known[prefix] = (fingerprint, digest);
        return digest;
    }

    /// <summary>Forgets all but these prefixes.</summary>
    public void KeepOnly(IReadOnlySet<string> prefixes)
    {
        foreach (string gone in _known.Keys.Where(prefix => !prefixes.Contains(prefix)).ToList())
        {
            _known.Remove(gone);
        }
    }
}
