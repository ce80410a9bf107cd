using System.IO.Compression;
using System.Runtime.InteropServices;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Bodies;

/// <summary>
/// Undoes gzip and deflate, from memory to memory and never further than the limit. .NET's streams end quietly where the
/// compressed data is cut short, so each coding has its own way to notice that here.
/// </summary>
internal static class BodyInflater
{
    private const int FirstRent = 4096;
    private const int UsualRatio = 4;

    // A gzip member that holds SentinelText. Members may follow each other, so a body that is whole inflates to its text and
    // then this one; after a body that is cut anywhere, these bytes are read as its missing end and fail or come out as noise.
    private static readonly byte[] Sentinel = Convert.FromHexString("1F8B08000000000004032B4ECD2BC9CC4BCD01004FEE36F808000000");

    private static ReadOnlySpan<byte> SentinelText => "sentinel"u8;

    /// <summary>The inflated bytes, or the reason why there are none.</summary>
    /// <param name="compressed">Stays the caller's.</param>
    /// <param name="coding">How it is compressed.</param>
    /// <param name="limit">The most that it may inflate to, in bytes.</param>
    /// <param name="start">Where in its memory the result should begin, in bytes from an aligned address.</param>
    /// <param name="error">The reason.</param>
    public static TensorBuffer? Inflate(TensorBuffer compressed, ContentCoding coding, int limit, int start, out PredictError? error)
    {
        int length = compressed.Length;
        if (coding == ContentCoding.Gzip)
        {
            compressed.Resize(length + Sentinel.Length);
            Sentinel.CopyTo(compressed.Span[length..]);
        }

        MemoryMarshal.TryGetArray((ReadOnlyMemory<byte>)compressed.Memory, out ArraySegment<byte> bytes);
        using var source = new EndNotingStream(bytes);
        using Stream inflater = Open(source, coding, compressed.Span);
        TensorBuffer inflated = TensorBuffer.Rent((int)Math.Min(limit + 1L, Math.Max(FirstRent, length * (long)UsualRatio)), start);
        try
        {
            // One byte of room over the limit tells "full" from "too much".
            int room = limit + 1 + (coding == ContentCoding.Gzip ? SentinelText.Length : 0);
            ReadToEnd(inflater, inflated, room);
            bool whole = coding == ContentCoding.Gzip ? TryCutSentinel(inflated, room) : !source.EndWasRead || inflated.Length == room;
            error = inflated.Length > limit ? TooLarge(limit) : whole ? null : Corrupt(coding);
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException)
        {
            error = Corrupt(coding);
        }

        return Checked(inflated, error);
    }

    private static TensorBuffer? Checked(TensorBuffer inflated, PredictError? error)
    {
        if (error is null)
        {
            return inflated;
        }

        inflated.Dispose();
        return null;
    }

    // HTTP's deflate is the zlib format (RFC 9110, 8.4.1.2), but some clients send it bare. A zlib header names method 8 and is
    // a multiple of 31; bare data never starts so (it would be a stored block with padding bits set).
    private static Stream Open(Stream source, ContentCoding coding, ReadOnlySpan<byte> data) =>
        coding == ContentCoding.Gzip ? new GZipStream(source, CompressionMode.Decompress)
        : data.Length >= 2 && (data[0] & 0x0F) == 8 && ((data[0] << 8) | data[1]) % 31 == 0 ? new ZLibStream(source, CompressionMode.Decompress)
        : new DeflateStream(source, CompressionMode.Decompress);

    private static void ReadToEnd(Stream inflater, TensorBuffer inflated, int room)
    {
        int used = 0;
        while (true)
        {
            if (used == inflated.Length)
            {
                inflated.Resize((int)Math.Min(room, inflated.Length * 2L));
            }

            int read = inflater.Read(inflated.Span[used..]);
            used += read;
            if (read == 0 || used == room)
            {
                inflated.Resize(used);
                return;
            }
        }
    }

    private static bool TryCutSentinel(TensorBuffer inflated, int room)
    {
        if (inflated.Span.EndsWith(SentinelText))
        {
            inflated.Resize(inflated.Length - SentinelText.Length);
            return true;
        }

        return inflated.Length == room;
    }

    private static PredictError TooLarge(int limit) =>
        new(PredictErrorKind.TooLarge, $"The body inflates to more than the limit of {limit} bytes.");

    private static PredictError Corrupt(ContentCoding coding) => new(
        PredictErrorKind.InvalidRequest,
        $"The body is not valid {(coding == ContentCoding.Gzip ? "gzip" : "deflate")} data, or it is cut short.");

    // The decoders of zlib and bare deflate ask for more input only while the data's own end has not come.
    private sealed class EndNotingStream(ArraySegment<byte> bytes) : MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
    {
        public bool EndWasRead { get; private set; }

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = base.Read(buffer, offset, count);
            EndWasRead |= read == 0;
            return read;
        }

        public override int Read(Span<byte> buffer)
        {
            int read = base.Read(buffer);
            EndWasRead |= read == 0;
            return read;
        }
    }
}
