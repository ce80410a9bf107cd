using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Repository.Encryption;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// The keys that values in a store are encrypted with: one writes, all read, so that a key can be changed while gateways serve (give it to all
/// first, then write with it, and take the old one away when its values have expired). Safe for any thread.
/// </summary>
/// <remarks>What is used is derived from a key for this purpose alone, so that a key may serve artifacts too.</remarks>
public sealed class CacheEncryption : IDisposable
{
    // Few, so they are tried in turn.
    private readonly (byte[] Id, ExtendedAesGcm Cipher)[] _ciphers;
    private readonly int _writing;

    /// <summary>Takes all keys of <paramref name="keys"/>.</summary>
    /// <param name="keys">At least one.</param>
    /// <param name="writingKey">The id of the one that writes.</param>
    /// <exception cref="ArgumentException">There is no key of that id.</exception>
    public CacheEncryption(EncryptionKeys keys, string writingKey)
    {
        string[] ids = [.. keys.Ids];
        _writing = Array.IndexOf(ids, writingKey);
        if (_writing < 0)
        {
            throw new ArgumentException($"There is no key '{writingKey}'.", nameof(writingKey));
        }

        _ciphers = [.. ids.Select(id => (Encoding.UTF8.GetBytes(id), MakeCipher(keys.Find(id)!)))];
    }

    internal ReadOnlySpan<byte> WritingId => _ciphers[_writing].Id;

    internal ExtendedAesGcm WritingCipher => _ciphers[_writing].Cipher;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, ExtendedAesGcm cipher) in _ciphers)
        {
            cipher.Dispose();
        }
    }

    internal ExtendedAesGcm? Find(ReadOnlySpan<byte> id)
    {
        foreach ((byte[] known, ExtendedAesGcm cipher) in _ciphers)
        {
            if (id.SequenceEqual(known))
            {
                return cipher;
            }
        }

        return null;
    }

    private static ExtendedAesGcm MakeCipher(EncryptionKey key)
    {
        Span<byte> secret = stackalloc byte[ExtendedAesGcm.KeySize];
        key.Derive([], "ModelGateway stored predictions 1"u8, secret);
        var cipher = new ExtendedAesGcm(secret);
        CryptographicOperations.ZeroMemory(secret);
        return cipher;
    }
}
