using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Serving.Repository;

/// <summary>One SHA-256 over the names and contents of a version's files.</summary>
/// <remarks>
/// <code>
/// for each file, in the order of the names:
/// name length (4 bytes, little endian) | name (UTF-8) | SHA-256 of the content (32 bytes)
/// </code>
/// No two sets of files spell the same bytes. The manifest and its signature are left out: they say of the other files what these are, so
/// what the manifest lists is enough to tell the digest before anything is fetched, and a version that is signed anew answers as before.
/// </remarks>
internal static class ArtifactDigest
{
    /// <summary>The digest, lower-case hexadecimal.</summary>
    /// <param name="files">Names relative to the version's folder, each once, and SHA-256 in hexadecimal.</param>
    public static string Of(IEnumerable<(string Name, string Sha256)> files)
    {
        using IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach ((string name, string sha256) in files
            .Where(file => file.Name is not (VersionManifest.FileName or ManifestSignature.FileName))
            .OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            digest.AppendData(length);
            digest.AppendData(bytes);
            digest.AppendData(Convert.FromHexString(sha256));
        }

        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }
}
