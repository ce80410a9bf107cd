using Microsoft.Extensions.Primitives;

namespace ModelGateway.Protocols.Bodies;

/// <summary>The content codings that the gateway undoes.</summary>
internal enum ContentCoding
{
    Identity,
    Gzip,
    Deflate,
}

/// <summary>Reads the Content-Encoding header.</summary>
internal static class ContentCodings
{
    /// <summary>
    /// False for a coding that is not known and for several on top of each other: a stack of them only serves to inflate
    /// a small body many times over.
    /// </summary>
    public static bool TryParse(StringValues header, out ContentCoding coding)
    {
        coding = ContentCoding.Identity;
        if (header.Count > 1)
        {
            return false;
        }

        ReadOnlySpan<char> name = header.ToString().AsSpan().Trim();
        if (name.IsEmpty || Is(name, "identity"))
        {
            return true;
        }

        // x-gzip is an old name that RFC 9110 (8.4.1.3) asks recipients to understand.
        bool gzip = Is(name, "gzip") || Is(name, "x-gzip");
        coding = gzip ? ContentCoding.Gzip : ContentCoding.Deflate;
        return gzip || Is(name, "deflate");
    }

    private static bool Is(ReadOnlySpan<char> name, string coding) => name.Equals(coding, StringComparison.OrdinalIgnoreCase);
}
