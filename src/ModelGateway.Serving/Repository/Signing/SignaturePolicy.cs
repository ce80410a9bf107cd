using System.Globalization;

namespace ModelGateway.Serving.Repository.Signing;

/// <summary>
/// Which versions are believed. A signature covers the exact bytes of <c>manifest.json</c>, those its files by their SHA-256, and where the
/// manifest names its model and version, their place too.
/// </summary>
/// <param name="mode">What is asked.</param>
/// <param name="keys">Whose signatures count; any one is enough, so that keys can be changed one after the other.</param>
public sealed class SignaturePolicy(SignatureMode mode, IReadOnlyList<ManifestKey> keys)
{
    /// <summary>Signatures are not looked at.</summary>
    public static SignaturePolicy Off { get; } = new(SignatureMode.Off, []);

    /// <summary>Refuses a version that lacks its signature by what was listed, before it is fetched for nothing.</summary>
    /// <exception cref="InvalidDataException">It must be signed and is not.</exception>
    public void CheckListed(VersionListing listing)
    {
        if (mode != SignatureMode.Require)
        {
            return;
        }

        if (listing.Checksums is null)
        {
            throw new InvalidDataException(
                $"The version is not signed, and Gateway:Signatures:Mode is Require: it has no {VersionManifest.FileName}, so there is nothing that could be signed.");
        }

        if (!listing.Files.Any(file => file.Key == listing.Prefix + ManifestSignature.FileName))
        {
            throw NotSigned();
        }
    }

    /// <summary>Checks a fetched version.</summary>
    /// <param name="listing">As it was listed; its files were compared with <see cref="VersionListing.Checksums"/> when they were fetched.</param>
    /// <param name="artifact">The files.</param>
    /// <exception cref="InvalidDataException">It is not believed; the message says why.</exception>
    public void Check(VersionListing listing, ModelArtifact artifact)
    {
        CheckListed(listing);
        if (listing.Checksums is null)
        {
            return;
        }

        byte[] content = File.ReadAllBytes(Path.Combine(artifact.Directory, VersionManifest.FileName));
        VersionManifest manifest = Parse(content);
        CheckPlace(manifest, listing.Prefix);
        if (mode == SignatureMode.Off)
        {
            return;
        }

        CheckSignature(content, Path.Combine(artifact.Directory, ManifestSignature.FileName));
        if (manifest.Files.Count != listing.Checksums.Count || manifest.Files.Any(file => !file.Sha256.Equals(listing.Checksums.GetValueOrDefault(file.Name), StringComparison.OrdinalIgnoreCase)))
        {
            // The files were compared with the manifest that was read at the listing. A store that shows another one now must not slip files in.
            throw new InvalidDataException($"{VersionManifest.FileName} is not the one that the repository had when the version was listed.");
        }
    }

    private void CheckSignature(byte[] content, string signatureFile)
    {
        var file = new FileInfo(signatureFile);
        if (!file.Exists)
        {
            if (mode == SignatureMode.Require)
            {
                throw NotSigned();
            }

            return;
        }

        if (file.Length > ManifestSignature.LargestSize)
        {
            throw new InvalidDataException($"{ManifestSignature.FileName} has {file.Length} bytes, which no signature has.");
        }

        byte[] signature = File.ReadAllBytes(signatureFile);
        if (!keys.Any(key => key.Verifies(content, signature)))
        {
            string names = string.Join(", ", keys.Select(key => $"'{key.Id}'"));
            throw new InvalidDataException(keys.Count == 1
                ? $"The signature of {VersionManifest.FileName} does not verify with the key {names}."
                : $"The signature of {VersionManifest.FileName} does not verify with any of the keys {names}.");
        }
    }

    private static InvalidDataException NotSigned() => new(
        $"The version is not signed, and Gateway:Signatures:Mode is Require: put {ManifestSignature.FileName} beside its {VersionManifest.FileName}.");

    private static VersionManifest Parse(byte[] content)
    {
        try
        {
            return VersionManifest.Parse(content);
        }
        catch (FormatException exception)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
    }

    // By the folder, not by the name that is served: a repository's models may be given a prefix.
    private static void CheckPlace(VersionManifest manifest, string prefix)
    {
        string[] place = prefix.Split('/');
        string version = manifest.Version?.ToString(CultureInfo.InvariantCulture) ?? place[1];
        if ((manifest.Model ?? place[0]) != place[0] || version != place[1])
        {
            throw new InvalidDataException($"{VersionManifest.FileName} was made for '{manifest.Model ?? place[0]}/{version}', and this is '{place[0]}/{place[1]}'.");
        }
    }
}
