using ModelGateway.Serving.Repository.Encryption;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository.Encryption;

public sealed class EncryptedFileTests
{
    private const int ChunkSize = 4096;
    private const int TagSize = 16;
    private static readonly EncryptionKey Key = TestKeys.Make("k1", 1);
    private static readonly EncryptionKeys Keys = new([Key]);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(ChunkSize - 1)]
    [InlineData(ChunkSize)]
    [InlineData(ChunkSize + 1)]
    [InlineData((2 * ChunkSize) - 1)]
    [InlineData(2 * ChunkSize)]
    [InlineData((2 * ChunkSize) + 1)]
    [InlineData(10 * ChunkSize)]
    public void Decrypt_WhatWasEncrypted_IsTheSame(int length)
    {
        byte[] plain = Content(length);

        Assert.Equal(plain, Decrypt(Encrypt(plain)));
    }

    [Fact]
    public void Decrypt_DefaultChunkSizeAndStreamThatGivesLittleAtATime_IsTheSame()
    {
        byte[] plain = Content((3 * EncryptedFile.DefaultChunkSize) + 7);
        using var cipher = new MemoryStream();
        using (var trickle = new TrickleStream(plain))
        {
            EncryptedFile.Encrypt(trickle, cipher, "a", Key);
        }

        using var trickled = new TrickleStream(cipher.ToArray());
        using SecretBytes decrypted = EncryptedFile.Decrypt(trickled, "a", Keys, CancellationToken.None);
        Assert.Equal(plain, decrypted.Array);
    }

    [Fact]
    public void Encrypt_Twice_NothingIsTheSame()
    {
        byte[] plain = new byte[ChunkSize];
        byte[] first = Encrypt(plain);
        byte[] second = Encrypt(plain);

        Assert.NotEqual(first[^ChunkSize..^TagSize], second[^ChunkSize..^TagSize]);
        Assert.NotEqual(Salt(first), Salt(second));
    }

    [Fact]
    public void Decrypt_AnyBitFlipped_IsRefused()
    {
        byte[] cipher = Encrypt(Content(100));
        for (int bit = 0; bit < cipher.Length * 8; bit++)
        {
            byte[] changed = [.. cipher];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Refusal(changed);
        }
    }

    [Fact]
    public void Decrypt_CutShortAnywhere_IsRefused()
    {
        byte[] cipher = Encrypt(Content((2 * ChunkSize) + 50));
        int header = cipher.Length - (2 * ChunkSize) - 50 - (3 * TagSize);
        IEnumerable<int> lengths = Enumerable.Range(0, header + TagSize + 2)
            .Concat(Enumerable.Range(1, 3).SelectMany(chunk => Enumerable.Range(-TagSize - 1, (2 * TagSize) + 3).Select(offset => header + (chunk * (ChunkSize + TagSize)) + offset)))
            .Concat(Enumerable.Range(1, 100).Select(fromEnd => cipher.Length - fromEnd))
            .Where(length => length < cipher.Length);

        Assert.All(lengths, length => Refusal(cipher[..length]));
    }

    [Fact]
    public void Decrypt_ChunksSwappedDroppedRepeatedOrAdded_IsRefused()
    {
        byte[] cipher = Encrypt(Content(4 * ChunkSize));
        int sealedSize = ChunkSize + TagSize;
        int header = cipher.Length - (4 * sealedSize);
        byte[] Chunk(int number) => cipher[(header + (number * sealedSize))..(header + ((number + 1) * sealedSize))];
        byte[] With(params int[] chunks) => [.. cipher[..header], .. chunks.SelectMany(Chunk)];
        Assert.Equal(cipher, With(0, 1, 2, 3));

        foreach (int[] chunks in new int[][] { [1, 0, 2, 3], [0, 2, 1, 3], [0, 1, 3], [0, 1, 2], [1, 2, 3], [0, 1, 2, 3, 3], [0, 1, 2, 2, 3], [3], [0, 0, 2, 3] })
        {
            Refusal(With(chunks));
        }

        Refusal([.. cipher, .. new byte[TagSize]]);
        Refusal([.. cipher, 0]);
    }

    [Fact]
    public void Decrypt_ChunkOfAnotherFileOfTheSameKey_IsRefused()
    {
        byte[] one = Encrypt(Content(2 * ChunkSize));
        byte[] other = Encrypt(Content(2 * ChunkSize));

        Refusal([.. one[..^(ChunkSize + TagSize)], .. other[^(ChunkSize + TagSize)..]]);
    }

    [Fact]
    public void Decrypt_UnderAnotherName_IsRefused()
    {
        byte[] cipher = Encrypt(Content(10), "weights.bin");

        string message = Refusal(cipher, "model.onnx");

        Assert.StartsWith("'model.onnx.enc' cannot be decrypted with the key 'k1'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decrypt_OtherKeyOfTheSameId_IsRefused()
    {
        string message = Refusal(Encrypt(Content(10)), keys: new EncryptionKeys([TestKeys.Make("k1", 2)]));

        Assert.Contains("that is another key", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decrypt_UnknownKey_NamesItAndThoseThatThereAre()
    {
        byte[] cipher = Encrypt(Content(10));

        Assert.Equal(
            "'a.enc' is encrypted with the key 'k1', which Gateway:Encryption:Keys does not have; it has 'x', 'y'.",
            Refusal(cipher, keys: new EncryptionKeys([TestKeys.Make("y", 2), TestKeys.Make("x", 3)])));
        Assert.Equal("'a.enc' is encrypted with the key 'k1', which Gateway:Encryption:Keys does not have.", Refusal(cipher, keys: EncryptionKeys.None));
    }

    [Fact]
    public void Decrypt_SeveralKeys_TakesTheOneThatIsNamed()
    {
        var keys = new EncryptionKeys([TestKeys.Make("new", 2), Key]);

        Assert.Equal(Content(10), Decrypt(Encrypt(Content(10)), keys: keys));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("this is not an encrypted file, whatever its name may say")]
    public void Decrypt_WhatIsNotEncrypted_IsRefused(string content)
    {
        Assert.Contains("is not an encrypted file", Refusal(System.Text.Encoding.UTF8.GetBytes(content)), StringComparison.Ordinal);
    }

    [Fact]
    public void Decrypt_FormatOfTheFuture_SaysSo()
    {
        byte[] cipher = Encrypt(Content(10));
        cipher[6] = 2;

        Assert.Contains("version 2 of the format", Refusal(cipher), StringComparison.Ordinal);
    }

    [Fact]
    public void Decrypt_MoreThanMemoryCanHold_IsRefusedBeforeItIsRead()
    {
        string path = Path.GetTempFileName();
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 4096, FileOptions.DeleteOnClose);
        file.Write(Encrypt(Content(10)));
        file.SetLength(3L << 30);
        file.Position = 0;

        string message = Assert.Throws<InvalidDataException>(() => EncryptedFile.Decrypt(file, "a", Keys, CancellationToken.None)).Message;

        Assert.Contains("what is decrypted in memory can have", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decrypt_Cancelled_IsCancelled()
    {
        using var cipher = new MemoryStream(Encrypt(Content(10)));

        Assert.ThrowsAny<OperationCanceledException>(() => EncryptedFile.Decrypt(cipher, "a", Keys, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Dispose_SecretBytes_AreZero()
    {
        using var cipher = new MemoryStream(Encrypt(Content(10)));
        SecretBytes plain = EncryptedFile.Decrypt(cipher, "a", Keys, CancellationToken.None);
        Assert.Contains(plain.Array, value => value != 0);

        plain.Dispose();

        Assert.All(plain.Array, value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData("", "holds 0 bytes")]
    [InlineData("AAAA", "holds 3 bytes")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "holds 36 bytes")]
    [InlineData("not base64!", "is not base64")]
    public void TryParse_WhatIsNoKey_SaysHowToMakeOne(string text, string reason)
    {
        Assert.False(EncryptionKey.TryParse("k", text, out _, out string? fault));
        Assert.Contains(reason, fault, StringComparison.Ordinal);
        Assert.Contains("openssl rand -base64 32", fault, StringComparison.Ordinal);
    }

    private static byte[] Content(int length) => [.. Enumerable.Range(0, length).Select(value => (byte)(value * 7))];

    private static byte[] Salt(byte[] cipher) => cipher[11..43];

    private static byte[] Encrypt(byte[] plain, string name = "a")
    {
        using var cipher = new MemoryStream();
        EncryptedFile.Encrypt(new MemoryStream(plain), cipher, name, Key, ChunkSize);
        return cipher.ToArray();
    }

    private static byte[] Decrypt(byte[] cipher, string name = "a", EncryptionKeys? keys = null)
    {
        using SecretBytes plain = EncryptedFile.Decrypt(new MemoryStream(cipher), name, keys ?? Keys, CancellationToken.None);
        return [.. plain.Array];
    }

    private static string Refusal(byte[] cipher, string name = "a", EncryptionKeys? keys = null)
    {
        string message = Assert.Throws<InvalidDataException>(() => Decrypt(cipher, name, keys)).Message;
        Assert.StartsWith($"'{name}.enc' ", message, StringComparison.Ordinal);
        return message;
    }

    private sealed class TrickleStream(byte[] content) : MemoryStream(content)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1000)]);
    }
}
