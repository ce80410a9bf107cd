using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace ModelGateway.Serving.Caching;

/// <summary>The envelope of a value in a store. Numbers are little-endian.</summary>
/// <remarks>
/// <code>
/// offset    bytes
///      0        4   "MGPv"
///      4        1   version of this format, 1
///      5        1   flags: 1 the payload is compressed (Brotli), 2 it is encrypted (XAES-256-GCM)
///      6        1   i, length of the encryption key's id; 0 when plain
///      7        1   0
///      8        8   when it was made; milliseconds since 1970
///     16        8   how long it is fresh from then; milliseconds
///     24       32   the whole key it was kept under
///     56        4   length of the payload as it was given
///     60        i   id of the encryption key, UTF-8
///   60+i       24   nonce, when encrypted
///             ...   the payload as stored: first compressed, then encrypted
///              16   when encrypted the tag, with everything before the payload as associated data; otherwise XxHash128 of everything before
/// </code>
/// </remarks>
internal static class StoredPrediction
{
    private const byte Version = 1;
    private const byte Compressed = 1;
    private const byte Encrypted = 2;
    private const int FixedSize = 60;
    private const int TrailerSize = 16;
    private const long LongestFresh = long.MaxValue / TimeSpan.TicksPerMillisecond;

    private static readonly long LatestTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    private static ReadOnlySpan<byte> Magic => "MGPv"u8;

    /// <summary>The most bytes that the envelope of such a payload has.</summary>
    public static int LongestLength(int payloadLength, CacheEncryption? encryption) => checked(HeaderSize(encryption) + payloadLength + TrailerSize);

    /// <summary>Writes an envelope.</summary>
    /// <param name="key">What it is kept under.</param>
    /// <param name="payload">Any bytes.</param>
    /// <param name="madeAt">Kept in whole milliseconds, not before 1970.</param>
    /// <param name="freshFor">Kept in whole milliseconds, not below zero.</param>
    /// <param name="encryption">The keys, or null for plain values.</param>
    /// <param name="compressor">Compresses where it pays; null for never.</param>
    /// <param name="destination">Has room for <see cref="LongestLength"/>.</param>
    /// <returns>How many bytes were written.</returns>
    public static int Seal(
        PredictionKey key, ReadOnlySpan<byte> payload, DateTimeOffset madeAt, TimeSpan freshFor, CacheEncryption? encryption, PayloadCompressor? compressor, Span<byte> destination)
    {
        Span<byte> header = destination[..HeaderSize(encryption)];
        WriteHeader(header, key, payload.Length, madeAt, freshFor, encryption);
        Span<byte> body = destination[header.Length..];
        if (encryption is null)
        {
            int length = Compress(compressor, payload, body, header);
            if (length == 0)
            {
                length = payload.Length;
                payload.CopyTo(body);
            }

            XxHash128.Hash(destination[..(header.Length + length)], body.Slice(length, TrailerSize));
            return header.Length + length + TrailerSize;
        }

        byte[]? scratch = compressor is null || payload.Length < PayloadCompressor.Smallest ? null : ArrayPool<byte>.Shared.Rent(payload.Length);
        int compressed = scratch is null ? 0 : Compress(compressor, payload, scratch, header);
        ReadOnlySpan<byte> plain = compressed > 0 ? scratch.AsSpan(0, compressed) : payload;
        encryption.WritingCipher.Encrypt(header[^ExtendedAesGcm.NonceSize..], plain, body[..plain.Length], body.Slice(plain.Length, TrailerSize), header);
        Return(scratch, compressed);
        return header.Length + plain.Length + TrailerSize;
    }

    /// <summary>Opens an envelope; never throws, whatever the bytes are.</summary>
    /// <param name="key">What was asked for.</param>
    /// <param name="stored">What the store gave.</param>
    /// <param name="encryption">The keys; null where values are plain.</param>
    /// <param name="maxPayload">The largest payload that is taken; bytes.</param>
    /// <param name="payload">An array of its own, empty unless the outcome is <see cref="StoredValueState.Ok"/>.</param>
    /// <param name="madeAt">When it was made.</param>
    /// <param name="freshFor">How long it is fresh from then.</param>
    public static StoredValueState Open(
        PredictionKey key, ReadOnlySpan<byte> stored, CacheEncryption? encryption, int maxPayload, out byte[] payload, out DateTimeOffset madeAt, out TimeSpan freshFor)
    {
        (payload, madeAt, freshFor) = ([], default, default);
        if (!stored.StartsWith(Magic) || stored.Length <= Magic.Length || stored[4] != Version)
        {
            return Magic.StartsWith(stored[..Math.Min(stored.Length, Magic.Length)]) && stored.Length <= Magic.Length ? StoredValueState.Damaged : StoredValueState.Foreign;
        }

        if (!Header.TryRead(stored, maxPayload, out Header header))
        {
            return StoredValueState.Damaged;
        }

        if (header.IsEncrypted != encryption is not null)
        {
            return StoredValueState.Unauthentic;
        }

        StoredValueState state = header.IsEncrypted
            ? Decrypt(header, stored, encryption!, out payload)
            : Check(header, stored, out payload);
        if (state == StoredValueState.Ok && header.Key != key)
        {
            state = StoredValueState.Foreign;
        }

        if (state != StoredValueState.Ok)
        {
            payload = [];
            return state;
        }

        (madeAt, freshFor) = (header.MadeAt, header.FreshFor);
        return state;
    }

    private static int HeaderSize(CacheEncryption? encryption) =>
        encryption is null ? FixedSize : FixedSize + encryption.WritingId.Length + ExtendedAesGcm.NonceSize;

    private static void WriteHeader(Span<byte> header, PredictionKey key, int payloadLength, DateTimeOffset madeAt, TimeSpan freshFor, CacheEncryption? encryption)
    {
        Magic.CopyTo(header);
        header[4] = Version;
        header[5] = encryption is null ? (byte)0 : Encrypted;
        header[6] = (byte)(encryption?.WritingId.Length ?? 0);
        header[7] = 0;
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], Math.Max(0, madeAt.ToUnixTimeMilliseconds()));
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], Math.Max(0, freshFor.Ticks / TimeSpan.TicksPerMillisecond));
        key.WriteTo(header[24..]);
        BinaryPrimitives.WriteInt32LittleEndian(header[56..], payloadLength);
        if (encryption is not null)
        {
            encryption.WritingId.CopyTo(header[FixedSize..]);
            RandomNumberGenerator.Fill(header[^ExtendedAesGcm.NonceSize..]);
        }
    }

    // The compressed length, or 0 where it does not pay. The flag is part of what is hashed or authenticated, so it is set first.
    private static int Compress(PayloadCompressor? compressor, ReadOnlySpan<byte> payload, Span<byte> destination, Span<byte> header)
    {
        if (compressor is null || !compressor.TryCompress(payload, destination, out int length))
        {
            return 0;
        }

        header[5] |= Compressed;
        return length;
    }

    private static StoredValueState Check(in Header header, ReadOnlySpan<byte> stored, out byte[] payload)
    {
        payload = [];
        Span<byte> hash = stackalloc byte[TrailerSize];
        XxHash128.Hash(stored[..^TrailerSize], hash);
        if (!hash.SequenceEqual(stored[^TrailerSize..]))
        {
            return StoredValueState.Damaged;
        }

        ReadOnlySpan<byte> body = stored[header.Size..^TrailerSize];
        if (header.IsCompressed)
        {
            return Decompress(body, header.PayloadLength, out payload);
        }

        payload = body.ToArray();
        return StoredValueState.Ok;
    }

    private static StoredValueState Decrypt(in Header header, ReadOnlySpan<byte> stored, CacheEncryption encryption, out byte[] payload)
    {
        payload = [];
        ReadOnlySpan<byte> associated = stored[..header.Size];
        if (encryption.Find(associated[FixedSize..^ExtendedAesGcm.NonceSize]) is not { } cipher)
        {
            return StoredValueState.Unauthentic;
        }

        ReadOnlySpan<byte> body = stored[header.Size..^TrailerSize];
        byte[] plain = header.IsCompressed ? ArrayPool<byte>.Shared.Rent(body.Length) : GC.AllocateUninitializedArray<byte>(body.Length);
        StoredValueState state = StoredValueState.Unauthentic;
        if (cipher.TryDecrypt(associated[^ExtendedAesGcm.NonceSize..], body, stored[^TrailerSize..], plain.AsSpan(0, body.Length), associated))
        {
            payload = plain;
            state = header.IsCompressed ? Decompress(plain.AsSpan(0, body.Length), header.PayloadLength, out payload) : StoredValueState.Ok;
        }

        Return(header.IsCompressed ? plain : null, body.Length);
        return state;
    }

    // Memory is bounded by the declared length, which is within the caller's limit; a payload of another length is not what was written.
    private static StoredValueState Decompress(ReadOnlySpan<byte> body, int length, out byte[] payload)
    {
        payload = GC.AllocateUninitializedArray<byte>(length);
        using var decoder = new BrotliDecoder();
        return decoder.Decompress(body, payload, out int consumed, out int written) == OperationStatus.Done && written == length && consumed == body.Length
            ? StoredValueState.Ok
            : StoredValueState.Damaged;
    }

    // What was decrypted does not lie about in the pool.
    private static void Return(byte[]? scratch, int used)
    {
        if (scratch is not null)
        {
            CryptographicOperations.ZeroMemory(scratch.AsSpan(0, used));
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private readonly record struct Header(byte Flags, int Size, int PayloadLength, PredictionKey Key, DateTimeOffset MadeAt, TimeSpan FreshFor)
    {
        public bool IsCompressed => (Flags & Compressed) != 0;

        public bool IsEncrypted => (Flags & Encrypted) != 0;

        // False unless every field is within its bounds and the lengths agree with that of the whole.
        public static bool TryRead(ReadOnlySpan<byte> stored, int maxPayload, out Header header)
        {
            header = default;
            if (stored.Length < FixedSize + TrailerSize)
            {
                return false;
            }

            (byte flags, int idLength) = (stored[5], stored[6]);
            long madeAt = BinaryPrimitives.ReadInt64LittleEndian(stored[8..]);
            long freshFor = BinaryPrimitives.ReadInt64LittleEndian(stored[16..]);
            int length = BinaryPrimitives.ReadInt32LittleEndian(stored[56..]);
            int size = (flags & Encrypted) != 0 ? FixedSize + idLength + ExtendedAesGcm.NonceSize : FixedSize;
            int body = stored.Length - size - TrailerSize;
            if ((flags & ~(Compressed | Encrypted)) != 0 || stored[7] != 0 || ((flags & Encrypted) == 0 && idLength != 0) || madeAt < 0 || madeAt > LatestTime ||
                freshFor is < 0 or > LongestFresh || length < 0 || length > maxPayload || body < 0 || ((flags & Compressed) == 0 ? body != length : body >= length))
            {
                return false;
            }

            header = new Header(
                flags, size, length, new PredictionKey(stored.Slice(24, PredictionKey.Size)), DateTimeOffset.FromUnixTimeMilliseconds(madeAt), TimeSpan.FromMilliseconds(freshFor));
            return true;
        }
    }
}
