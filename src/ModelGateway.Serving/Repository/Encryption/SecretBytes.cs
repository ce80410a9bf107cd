using System.Security.Cryptography;

namespace ModelGateway.Serving.Repository.Encryption;

/// <summary>Bytes that must not stay in memory longer than they are needed; disposing writes zeros over them.</summary>
public sealed class SecretBytes : IDisposable
{
    /// <summary>Zeros, or whatever was there before.</summary>
    public SecretBytes(int length)
    {
        // Pinned: the collector must not leave a copy behind when it moves things.
        Array = GC.AllocateUninitializedArray<byte>(length, pinned: true);
    }

    /// <summary>The bytes.</summary>
    public byte[] Array { get; }

    /// <summary>How many.</summary>
    public int Length => Array.Length;

    /// <summary>Writes zeros.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(Array);
}
