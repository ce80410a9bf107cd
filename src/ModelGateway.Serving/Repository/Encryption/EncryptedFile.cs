using System.Numerics;
using System.Security.Cryptography;

namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>Files whose content is encrypted: <c>model.onnx.enc</c> stands for <c>model.onnx</c>.</summary>
public static class EncryptedFile
{
    /// <summary>What is appended to a file's name.</summary>
    public const string Extension = ".enc";

    /// <summary>The chunk size that files are written with; bytes.</summary>
    public const int DefaultChunkSize = 1 << 16;

    /// <summary>Encrypts a file.</summary>
    /// <param name="plain">Its content, from the present position to the end.</param>
    /// <param name="cipher">Gets the encrypted form.</param>
    /// <param name="name">The plain file's name below the version's folder, with <c>/</c> between the parts: it opens under that name alone.</param>
    /// <param name="key">The key.</param>
    /// <param name="chunkSize">A power of two between 4 KiB and 16 MiB.</param>
    public static void Encrypt(Stream plain, Stream cipher, string name, EncryptionKey key, int chunkSize = DefaultChunkSize)
    {
        int log = BitOperations.Log2((uint)chunkSize);
        if (!BitOperations.IsPow2(chunkSize) || log is < EncryptedHeader.SmallestChunkLog or > EncryptedHeader.LargestChunkLog)
        {
            throw new ArgumentOutOfRangeException(nameof(chunkSize));
        }

        EncryptedHeader header = EncryptedHeader.Create(key.Id, log);
        cipher.Write(header.Bytes);
        using var chunks = new ChunkCipher(header, name, key);
        byte[] chunk = new byte[chunkSize];
        byte[] next = new byte[chunkSize];
        byte[] sealedChunk = new byte[chunkSize + EncryptedHeader.TagSize];
        try
        {
            // One chunk ahead: only then it is known which one is the last.
            int length = plain.ReadAtLeast(chunk, chunkSize, throwOnEndOfStream: false);
            for (uint number = 0; ; number = checked(number + 1))
            {
                int following = length < chunkSize ? 0 : plain.ReadAtLeast(next, chunkSize, throwOnEndOfStream: false);
                chunks.Seal(number, following == 0, chunk.AsSpan(0, length), sealedChunk);
                cipher.Write(sealedChunk, 0, length + EncryptedHeader.TagSize);
                if (following == 0)
                {
                    return;
                }

                (chunk, next, length) = (next, chunk, following);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(chunk);
            CryptographicOperations.ZeroMemory(next);
        }
    }

    /// <summary>Decrypts a file into memory.</summary>
    /// <param name="cipher">Seekable, at its beginning.</param>
    /// <param name="name">The plain file's name, as it was encrypted under.</param>
    /// <param name="keys">The keys at hand.</param>
    /// <param name="cancellationToken">Stops between two chunks.</param>
    /// <exception cref="InvalidDataException">It cannot be decrypted; the message says why and names the file.</exception>
    public static SecretBytes Decrypt(Stream cipher, string name, EncryptionKeys keys, CancellationToken cancellationToken)
    {
        try
        {
            return DecryptContent(cipher, name, keys, cancellationToken);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"'{name}{Extension}' {exception.Message}", exception);
        }
    }

    private static SecretBytes DecryptContent(Stream cipher, string name, EncryptionKeys keys, CancellationToken cancellationToken)
    {
        EncryptedHeader header = EncryptedHeader.Read(cipher);
        EncryptionKey key = keys.Find(header.KeyId) ?? throw new InvalidDataException(
            $"is encrypted with the key '{header.KeyId}', which Gateway:Encryption:Keys does not have{(keys.Ids.Any() ? $"; it has {string.Join(", ", keys.Ids.Select(id => $"'{id}'"))}." : ".")}");

        // Only the last chunk may be shorter, so the number of chunks and the plain length follow from the file's. An empty file has a chunk too.
        int sealedSize = header.ChunkSize + EncryptedHeader.TagSize;
        long length = cipher.Length - cipher.Position;
        long count = Math.Max(1, (length + sealedSize - 1) / sealedSize);
        long plainLength = length - (count * EncryptedHeader.TagSize);
        if (length - ((count - 1) * sealedSize) < EncryptedHeader.TagSize || count > uint.MaxValue)
        {
            throw new InvalidDataException("is cut short.");
        }

        if (plainLength > Array.MaxLength)
        {
            throw new InvalidDataException($"holds {plainLength} bytes, and what is decrypted in memory can have {Array.MaxLength} at most. Keep large weights in several external data files.");
        }

        var plain = new SecretBytes((int)plainLength);
        try
        {
            using var chunks = new ChunkCipher(header, name, key);
            byte[] sealedChunk = new byte[sealedSize];
            int at = 0;
            for (uint number = 0; number < count; number++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int read = cipher.ReadAtLeast(sealedChunk, sealedSize, throwOnEndOfStream: false);
                bool isLast = number == count - 1;
                int opened = Math.Max(0, read - EncryptedHeader.TagSize);
                if (read < EncryptedHeader.TagSize || opened > plain.Length - at || !chunks.TryOpen(number, isLast, sealedChunk.AsSpan(0, read), plain.Array.AsSpan(at, opened)))
                {
                    throw new InvalidDataException(number == 0
                        ? $"cannot be decrypted with the key '{key.Id}': that is another key than the file was encrypted with, or the file is damaged or was encrypted under another name."
                        : $"is damaged or cut short: the chunk at byte {cipher.Position - read} is not what was encrypted.");
                }

                at += opened;
            }

            return plain;
        }
        catch
        {
            plain.Dispose();
            throw;
        }
    }
}
