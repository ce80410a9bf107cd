using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>A key that artifacts are encrypted with. Files name it by its id; it is never written anywhere.</summary>
public sealed class EncryptionKey
{
    /// <summary>Bytes of a key.</summary>
    public const int Size = 32;

    /// <summary>Bytes of an id in UTF-8, at most.</summary>
    public const int LongestId = 64;

    private readonly byte[] _key;

    private EncryptionKey(string id, byte[] key)
    {
        Id = id;
        _key = key;
    }

    /// <summary>What files and operators call it.</summary>
    public string Id { get; }

    /// <summary>Whether a key may have this id: 1 to 64 bytes of UTF-8 without control characters.</summary>
    public static bool IsValidId(string? id) =>
        !string.IsNullOrWhiteSpace(id) && Encoding.UTF8.GetByteCount(id) <= LongestId && !id.Any(character => char.IsControl(character) || char.IsSurrogate(character));

    /// <summary>Reads a key.</summary>
    /// <param name="id">Its id, see <see cref="IsValidId"/>.</param>
    /// <param name="base64">The key in base64; white space around it does not matter.</param>
    /// <param name="key">The key, if it is one.</param>
    /// <param name="fault">Otherwise what is wrong with it; continues a sentence that begins with where it stands.</param>
    public static bool TryParse(string id, string base64, [NotNullWhen(true)] out EncryptionKey? key, [NotNullWhen(false)] out string? fault)
    {
        byte[] bytes = new byte[base64.Length];
        (key, fault) = (null, null);
        if (!Convert.TryFromBase64String(base64, bytes, out int length))
        {
            fault = $"is not base64: make a key with 'openssl rand -base64 {Size}'.";
        }
        else if (length != Size)
        {
            fault = $"holds {length} bytes, and a key has {Size}: make one with 'openssl rand -base64 {Size}'.";
        }
        else
        {
            key = new EncryptionKey(id, bytes[..Size]);
        }

        CryptographicOperations.ZeroMemory(bytes);
        return key is not null;
    }

    /// <summary>Derives the secrets of one file.</summary>
    internal void Derive(ReadOnlySpan<byte> salt, ReadOnlySpan<byte> purpose, Span<byte> secrets) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, secrets, salt, purpose);
}
