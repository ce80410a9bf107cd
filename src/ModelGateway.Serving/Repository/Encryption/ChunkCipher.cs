using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>Seals and opens the chunks of one file, see <see cref="EncryptedHeader"/>. For one thread.</summary>
internal sealed class ChunkCipher : IDisposable
{
    private const int PrefixSize = 7;
    private readonly AesGcm _aes;
    private readonly byte[] _nonce = new byte[PrefixSize + sizeof(uint) + 1];
    private readonly byte[] _associatedData;

    public ChunkCipher(EncryptedHeader header, string name, EncryptionKey key)
    {
        Span<byte> secrets = stackalloc byte[EncryptionKey.Size + PrefixSize];
        key.Derive(header.Salt, "ModelGateway encrypted file 1"u8, secrets);
        _aes = new AesGcm(secrets[..EncryptionKey.Size], EncryptedHeader.TagSize);
        secrets[EncryptionKey.Size..].CopyTo(_nonce);
        CryptographicOperations.ZeroMemory(secrets);
        _associatedData = [.. header.Bytes, .. Encoding.UTF8.GetBytes(name)];
    }

    /// <summary>Writes the encrypted bytes and behind them the tag.</summary>
    public void Seal(uint number, bool isLast, ReadOnlySpan<byte> plain, Span<byte> cipher) =>
        _aes.Encrypt(Nonce(number, isLast), plain, cipher[..plain.Length], cipher.Slice(plain.Length, EncryptedHeader.TagSize), _associatedData);

    /// <summary>Whether the chunk is what was sealed; its plain bytes then stand in <paramref name="plain"/>.</summary>
    public bool TryOpen(uint number, bool isLast, ReadOnlySpan<byte> cipher, Span<byte> plain)
    {
        try
        {
            _aes.Decrypt(Nonce(number, isLast), cipher[..^EncryptedHeader.TagSize], cipher[^EncryptedHeader.TagSize..], plain, _associatedData);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    public void Dispose() => _aes.Dispose();

    private byte[] Nonce(uint number, bool isLast)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_nonce.AsSpan(PrefixSize), number);
        _nonce[^1] = isLast ? (byte)1 : (byte)0;
        return _nonce;
    }
}
