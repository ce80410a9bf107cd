using System.IO.Compression;

namespace ModelGateway.Tests.Protocols.Bodies;

/// <summary>Compresses as clients do.</summary>
internal static class Compressed
{
    public static byte[] Gzip(ReadOnlySpan<byte> data) => Compress(data, to => new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true));

    public static byte[] Zlib(ReadOnlySpan<byte> data) => Compress(data, to => new ZLibStream(to, CompressionLevel.Optimal, leaveOpen: true));

    public static byte[] Deflate(ReadOnlySpan<byte> data) => Compress(data, to => new DeflateStream(to, CompressionLevel.Optimal, leaveOpen: true));

    private static byte[] Compress(ReadOnlySpan<byte> data, Func<Stream, Stream> open)
    {
        using var to = new MemoryStream();
        using (Stream compressor = open(to))
        {
            compressor.Write(data);
        }

        return to.ToArray();
    }
}
