using System.Security.Cryptography;
using System.Text;

namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>What stands in front of the chunks of an encrypted file.</summary>
/// <remarks>
/// <code>
/// at    bytes  what
/// 0     6      "MGWENC"
/// 6     1      version of the format, 1
/// 7     1      binary logarithm of the chunk size, 12 to 24; the writer takes 16
/// 8     1      n, the length of the key's id, 1 to 64
/// 9     n      the key's id, UTF-8
/// 9+n   32     salt, random
/// 41+n         chunks, each as many encrypted bytes as the chunk size says and a tag of 16 bytes; the last may be shorter, or empty
/// </code>
/// A chunk is AES-256-GCM with the nonce
/// <code>
/// 0     7      prefix
/// 7     4      the chunk's number from 0, most significant byte first
/// 11    1      1 for the last chunk, otherwise 0
/// </code>
/// and the header followed by the plain file's name in UTF-8 as associated data. Key (32 bytes) and prefix (7) come from HKDF-SHA256 over the
/// master key with the salt, so each file has its own and no nonce is used twice. Number and flag make a chunk that is missing,
/// moved, added, or taken for the last one fail its tag (the STREAM construction); the name keeps one file from standing in for another.
/// </remarks>
internal sealed class EncryptedHeader
{
    public const int TagSize = 16;
    public const int SmallestChunkLog = 12;
    public const int LargestChunkLog = 24;
    private const byte FormatVersion = 1;
    private const int FixedSize = 9;
    private const int SaltSize = 32;

    private EncryptedHeader(byte[] bytes) => Bytes = bytes;

    /// <summary>As they stand in the file.</summary>
    public byte[] Bytes { get; }

    public int ChunkSize => 1 << Bytes[7];

    public string KeyId => Encoding.UTF8.GetString(Bytes, FixedSize, Bytes[8]);

    public ReadOnlySpan<byte> Salt => Bytes.AsSpan(^SaltSize);

    private static ReadOnlySpan<byte> Magic => "MGWENC"u8;

    public static EncryptedHeader Create(string keyId, int chunkLog)
    {
        byte[] id = Encoding.UTF8.GetBytes(keyId);
        return new EncryptedHeader([.. Magic, FormatVersion, (byte)chunkLog, (byte)id.Length, .. id, .. RandomNumberGenerator.GetBytes(SaltSize)]);
    }

    /// <summary>Reads the header and leaves the stream behind it.</summary>
    /// <exception cref="InvalidDataException">There is none; the message continues a sentence that begins with the file.</exception>
    public static EncryptedHeader Read(Stream file)
    {
        byte[] start = new byte[FixedSize];
        if (file.ReadAtLeast(start, FixedSize, throwOnEndOfStream: false) < FixedSize || !start.AsSpan().StartsWith(Magic))
        {
            throw new InvalidDataException("is not an encrypted file: it does not begin as one.");
        }

        if (start[6] != FormatVersion)
        {
            throw new InvalidDataException($"has version {start[6]} of the format, and this gateway reads version {FormatVersion}.");
        }

        if (start[7] is < SmallestChunkLog or > LargestChunkLog || start[8] is 0 or > EncryptionKey.LongestId)
        {
            throw new InvalidDataException("is damaged: its header is none.");
        }

        byte[] bytes = new byte[FixedSize + start[8] + SaltSize];
        start.CopyTo(bytes, 0);
        if (file.ReadAtLeast(bytes.AsSpan(FixedSize), bytes.Length - FixedSize, throwOnEndOfStream: false) < bytes.Length - FixedSize)
        {
            throw new InvalidDataException("is cut short.");
        }

        var header = new EncryptedHeader(bytes);
        return EncryptionKey.IsValidId(header.KeyId) ? header : throw new InvalidDataException("is damaged: its header is none.");
    }
}
