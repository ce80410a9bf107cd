using System.Buffers.Text;

namespace ModelGateway.Serving.Repository.Signing;

/// <summary>The file beside <c>manifest.json</c> that holds the signature over its exact bytes.</summary>
public static class ManifestSignature
{
    /// <summary>The file's name.</summary>
    public const string FileName = VersionManifest.FileName + ".sig";

    /// <summary>A larger file is no signature; bytes.</summary>
    public const int LargestSize = 1024;

    /// <summary>
    /// What the file may mean: its bytes as they are and, where they are base64 text, what that stands for. Chance may let a signature look
    /// like text, so both are tried.
    /// </summary>
    internal static IReadOnlyList<byte[]> Read(byte[] content)
    {
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(content.Length)];
        return Base64.DecodeFromUtf8(content, decoded, out int consumed, out int written) == System.Buffers.OperationStatus.Done
            && consumed == content.Length
            && written > 0
            ? [content, decoded[..written]]
            : [content];
    }
}
