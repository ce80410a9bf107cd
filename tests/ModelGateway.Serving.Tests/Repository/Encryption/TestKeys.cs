using ModelGateway.Serving.Repository.Encryption;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository.Encryption;

/// <summary>Keys that are no secret, and files encrypted with them.</summary>
internal static class TestKeys
{
    public static EncryptionKey Make(string id, byte seed)
    {
        byte[] bytes = [.. Enumerable.Repeat(seed, EncryptionKey.Size)];
        Assert.True(EncryptionKey.TryParse(id, Convert.ToBase64String(bytes), out EncryptionKey? key, out string? fault), fault);
        return key;
    }

    /// <summary>The encrypted form of a file, with the name that it has then.</summary>
    public static (string Name, byte[] Content) Encrypt(this EncryptionKey key, string name, byte[] content)
    {
        using var cipher = new MemoryStream();
        EncryptedFile.Encrypt(new MemoryStream(content), cipher, name, key);
        return (name + EncryptedFile.Extension, cipher.ToArray());
    }
}
