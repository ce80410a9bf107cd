using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// XAES-256-GCM as C2SP specifies it: AES-256-GCM under a key that is derived for each value from the first half of a nonce of 192 random bits.
/// </summary>
/// <remarks>
/// Plain AES-GCM must not see the same 96-bit nonce twice under one key, and random ones are safe for 2^32 values only, which gateways that
/// share a store reach in days. Here they are for 2^80, and no gateway needs to know of another. Safe for any thread.
/// </remarks>
internal sealed class ExtendedAesGcm : IDisposable
{
    public const int KeySize = 32;

    public const int NonceSize = 24;

    public const int TagSize = 16;

    private const int BlockSize = 16;

    private const int HalfNonce = NonceSize / 2;

    private readonly byte[] _key;

    // An Aes is for one thread at a time.
    private readonly ThreadLocal<Aes> _cipher;

    // "K1" of CMAC.
    private readonly byte[] _subkey = new byte[BlockSize];

    /// <summary>Copies the key.</summary>
    public ExtendedAesGcm(ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeySize);
        _key = key.ToArray();
        _cipher = new ThreadLocal<Aes>(MakeCipher);
        _cipher.Value!.EncryptEcb(_subkey, _subkey, PaddingMode.None);
        UInt128 block = BinaryPrimitives.ReadUInt128BigEndian(_subkey);
        BinaryPrimitives.WriteUInt128BigEndian(_subkey, (block << 1) ^ (block >> 127 == 0 ? 0u : 0x87u));
    }

    /// <summary>Writes the encrypted bytes and the tag. A nonce is random and used once. <paramref name="cipher"/> is as long as <paramref name="plain"/> and does not overlap it.</summary>
    public void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plain, Span<byte> cipher, Span<byte> tag, ReadOnlySpan<byte> associatedData)
    {
        using AesGcm aes = ForNonce(nonce);
        aes.Encrypt(nonce[HalfNonce..], plain, cipher, tag, associatedData);
    }

    /// <summary>Whether the bytes are what was encrypted; they then stand in <paramref name="plain"/>.</summary>
    public bool TryDecrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> cipher, ReadOnlySpan<byte> tag, Span<byte> plain, ReadOnlySpan<byte> associatedData)
    {
        using AesGcm aes = ForNonce(nonce);
        try
        {
            aes.Decrypt(nonce[HalfNonce..], cipher, tag, plain, associatedData);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_key);
        CryptographicOperations.ZeroMemory(_subkey);
        _cipher.Dispose();
    }

    // Two blocks of CMAC, numbered 1 and 2, each of one block only.
    private AesGcm ForNonce(ReadOnlySpan<byte> nonce)
    {
        Span<byte> key = stackalloc byte[2 * BlockSize];
        for (int i = 0; i < 2; i++)
        {
            Span<byte> block = key.Slice(i * BlockSize, BlockSize);
            (block[0], block[1], block[2], block[3]) = (0, (byte)(i + 1), (byte)'X', 0);
            nonce[..HalfNonce].CopyTo(block[4..]);
            for (int j = 0; j < BlockSize; j++)
            {
                block[j] ^= _subkey[j];
            }
        }

        _cipher.Value!.EncryptEcb(key, key, PaddingMode.None);
        var aes = new AesGcm(key, TagSize);
        CryptographicOperations.ZeroMemory(key);
        return aes;
    }

    private Aes MakeCipher()
    {
        var aes = Aes.Create();
        aes.SetKey(_key);
        return aes;
    }
}
