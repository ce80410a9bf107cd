using System.Security.Cryptography;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>One object that the store shows: a file of a version, under the name that the repository's layout gives it, or a text made here.</summary>
/// <param name="Shown">As the store lists it.</param>
/// <param name="Source">Where it is, or null for a text.</param>
/// <param name="File">As its source lists it.</param>
/// <param name="Text">The content of a text.</param>
internal sealed record VersionFile(StoredObject Shown, ArtifactSource? Source, StoredObject File, byte[]? Text)
{
    public static VersionFile OfSource(string key, ArtifactSource source, StoredObject file) => new(file with { Key = key }, source, file, null);

    public static VersionFile OfText(string key, byte[] text, DateTimeOffset time)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(text));
        var shown = new StoredObject(key, text.Length, hash, time) { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, hash) };
        return new VersionFile(shown, null, shown, text);
    }
}
