using System.IO.Hashing;
using System.Text;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Repository.Encryption;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public sealed class StoredPredictionTests : IDisposable
{
    private const int MaxPayload = 1 << 20;
    private static readonly PredictionKey Key = KeyOf(1);
    private static readonly DateTimeOffset Made = new(2026, 3, 1, 12, 0, 0, 123, TimeSpan.Zero);
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(5);
    private readonly CacheEncryption _encryption = EncryptionOf("new", "new", "old");

    public static TheoryData<bool, bool> Kinds => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    public void Dispose() => _encryption.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Open_WhatWasSealed_GivesItBack(bool encrypt, bool compress)
    {
        foreach (int length in new[] { 0, 1, 1023, 1024, 100_000 })
        {
            byte[] payload = Repeating(length);
            byte[] sealedBytes = Seal(payload, encrypt, compress);

            StoredValueState state = StoredPrediction.Open(Key, sealedBytes, Keys(encrypt), MaxPayload, out byte[] opened, out DateTimeOffset madeAt, out TimeSpan freshFor);

            Assert.Equal(StoredValueState.Ok, state);
            Assert.Equal(payload, opened);
            Assert.Equal(Made, madeAt);
            Assert.Equal(Fresh, freshFor);
            Assert.Equal(compress && length >= 1024, sealedBytes.Length < length);
        }
    }

    [Fact]
    public void Open_LimitsOfTime_KeepsThem()
    {
        byte[] stored = Seal([1], false, false, DateTimeOffset.MaxValue, TimeSpan.MaxValue);
        Assert.Equal(StoredValueState.Ok, StoredPrediction.Open(Key, stored, null, 1, out _, out DateTimeOffset madeAt, out TimeSpan freshFor));
        Assert.Equal(DateTimeOffset.MaxValue.ToUnixTimeMilliseconds(), madeAt.ToUnixTimeMilliseconds());
        Assert.Equal((long)TimeSpan.MaxValue.TotalSeconds, (long)freshFor.TotalSeconds);

        stored = Seal([1], false, false, DateTimeOffset.MinValue, TimeSpan.MinValue);
        Assert.Equal(StoredValueState.Ok, StoredPrediction.Open(Key, stored, null, 1, out _, out madeAt, out freshFor));
        Assert.Equal((DateTimeOffset.UnixEpoch, TimeSpan.Zero), (madeAt, freshFor));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Open_AnySingleBitFlipped_NeverOpens(bool encrypt, bool compress)
    {
        byte[] stored = Seal(Repeating(1500), encrypt, compress);
        for (int bit = 0; bit < stored.Length * 8; bit++)
        {
            stored[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(StoredValueState.Ok, Open(stored, encrypt));
            stored[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(StoredValueState.Ok, Open(stored, encrypt));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Open_CutShortOrWithMoreBehind_NeverOpens(bool encrypt, bool compress)
    {
        byte[] stored = Seal(Repeating(1500), encrypt, compress);
        for (int length = 0; length < stored.Length; length++)
        {
            Assert.NotEqual(StoredValueState.Ok, Open(stored[..length], encrypt));
            Assert.NotEqual(StoredValueState.Ok, Open(stored[(length + 1)..], encrypt));
        }

        Assert.NotEqual(StoredValueState.Ok, Open([.. stored, 0], encrypt));
    }

    // What begins as an envelope does, so that the bytes behind are read too.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_RandomBytes_NeverOpens(bool encrypt)
    {
        var random = new Random(20260301);
        byte[] stored = Seal(Repeating(200), encrypt, false);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] garbage = new byte[random.Next(0, 300)];
            random.NextBytes(garbage);
            int kept = random.Next(0, Math.Min(garbage.Length, stored.Length));
            stored.AsSpan(0, i % 2 == 0 ? 0 : kept).CopyTo(garbage);
            Assert.NotEqual(StoredValueState.Ok, Open(garbage, encrypt));
        }
    }

    // Fields that lie, under a checksum that is right.
    [Fact]
    public void Open_RandomFieldsWithRightChecksum_NeverThrowsNorGivesAnotherLength()
    {
        var random = new Random(20260302);
        byte[] original = Seal(Repeating(1500), false, true);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] stored = [.. original];
            int at = random.Next(5, 60);
            random.NextBytes(stored.AsSpan(at, Math.Min(random.Next(1, 9), 60 - at)));
            Rehash(stored);
            StoredValueState state = StoredPrediction.Open(Key, stored, null, MaxPayload, out byte[] payload, out _, out _);
            Assert.True(state == StoredValueState.Ok ? payload.AsSpan().SequenceEqual(Repeating(1500)) : payload.Length == 0);
        }
    }

    [Fact]
    public void Open_LessDecompressedThanDeclaredOrMore_IsDamaged()
    {
        foreach (int declared in new[] { 1499, 1501, int.MaxValue, -1, MaxPayload + 1 })
        {
            byte[] stored = Seal(Repeating(1500), false, true);
            BitConverter.TryWriteBytes(stored.AsSpan(56), declared);
            Rehash(stored);
            Assert.Equal(StoredValueState.Damaged, Open(stored, false));
        }
    }

    [Fact]
    public void Open_LargerThanAllowed_IsDamagedBeforeMemoryIsTaken()
    {
        byte[] stored = Seal(Repeating(100_000), false, true);
        Assert.Equal(StoredValueState.Damaged, StoredPrediction.Open(Key, stored, null, 99_999, out byte[] payload, out _, out _));
        Assert.Empty(payload);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_OfAnotherKey_IsForeign(bool encrypt)
    {
        byte[] stored = Seal([1, 2, 3], encrypt, false);
        Assert.Equal(StoredValueState.Foreign, StoredPrediction.Open(KeyOf(2), stored, Keys(encrypt), MaxPayload, out byte[] payload, out _, out _));
        Assert.Empty(payload);
    }

    [Fact]
    public void Open_OfAnotherFormat_IsForeign()
    {
        Assert.Equal(StoredValueState.Foreign, Open("PONG, says a store that is none of ours, at some length, so that an envelope would fit in here"u8.ToArray(), false));
        byte[] stored = Seal([1], false, false);
        stored[4] = 2;
        Rehash(stored);
        Assert.Equal(StoredValueState.Foreign, Open(stored, false));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(40)]
    public void Open_Stub_IsDamaged(int length) => Assert.Equal(StoredValueState.Damaged, Open(Seal([1], false, false)[..length], false));

    [Fact]
    public void Open_PlainWhereValuesAreEncrypted_IsUnauthentic() => Assert.Equal(StoredValueState.Unauthentic, Open(Seal([1], false, false), true));

    [Fact]
    public void Open_EncryptedWithoutKeys_IsUnauthentic() => Assert.Equal(StoredValueState.Unauthentic, Open(Seal([1], true, false), false));

    [Fact]
    public void Open_UnderAnOldKey_OpensAsLongAsItIsThere()
    {
        byte[] stored = new byte[200];
        using CacheEncryption before = EncryptionOf("old", "old");
        stored = stored[..StoredPrediction.Seal(Key, [1, 2], Made, Fresh, before, null, stored)];
        Assert.Equal(StoredValueState.Ok, Open(stored, true));

        using CacheEncryption after = EncryptionOf("new", "new");
        Assert.Equal(StoredValueState.Unauthentic, StoredPrediction.Open(Key, stored, after, MaxPayload, out _, out _, out _));
    }

    [Fact]
    public void Open_OtherKeyOfTheSameId_IsUnauthentic()
    {
        Assert.True(EncryptionKey.TryParse("new", Convert.ToBase64String(Enumerable.Repeat((byte)9, 32).ToArray()), out EncryptionKey? impostor, out _));
        using var other = new CacheEncryption(new EncryptionKeys([impostor]), "new");
        Assert.Equal(StoredValueState.Unauthentic, StoredPrediction.Open(Key, Seal([1], true, false), other, MaxPayload, out _, out _, out _));
    }

    [Fact]
    public void Seal_Encrypted_ShowsNothingAndNeverTheSame()
    {
        byte[] payload = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a secret ", 30)));
        byte[] first = Seal(payload, true, false);
        byte[] second = Seal(payload, true, false);
        Assert.Equal(-1, first.AsSpan().IndexOf("a secret"u8));
        Assert.False(first.AsSpan(63).SequenceEqual(second.AsSpan(63)));
    }

    [Fact]
    public void CacheEncryption_WithoutTheWritingKey_Refuses() =>
        Assert.Throws<ArgumentException>(() => EncryptionOf("third", "new", "old"));

    internal static PredictionKey KeyOf(int number)
    {
        byte[] hash = new byte[PredictionKey.Size];
        XxHash128.Hash(BitConverter.GetBytes(number), hash);
        BitConverter.TryWriteBytes(hash.AsSpan(16), number);
        return new PredictionKey(hash);
    }

    internal static CacheEncryption EncryptionOf(string writing, params string[] ids) =>
        new(new EncryptionKeys(ids.Select(id =>
        {
            Assert.True(EncryptionKey.TryParse(id, Convert.ToBase64String(Enumerable.Range(0, 32).Select(i => (byte)(i ^ id[0])).ToArray()), out EncryptionKey? key, out _));
            return key;
        })), writing);

    private static byte[] Repeating(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i % 7))];

    private static void Rehash(byte[] stored) => XxHash128.Hash(stored.AsSpan(0, stored.Length - 16), stored.AsSpan(stored.Length - 16));

    private CacheEncryption? Keys(bool encrypt) => encrypt ? _encryption : null;

    private StoredValueState Open(byte[] stored, bool encrypt) => StoredPrediction.Open(Key, stored, Keys(encrypt), MaxPayload, out _, out _, out _);

    private byte[] Seal(byte[] payload, bool encrypt, bool compress, DateTimeOffset? madeAt = null, TimeSpan? freshFor = null)
    {
        byte[] destination = new byte[StoredPrediction.LongestLength(payload.Length, Keys(encrypt))];
        return destination[..StoredPrediction.Seal(Key, payload, madeAt ?? Made, freshFor ?? Fresh, Keys(encrypt), compress ? new PayloadCompressor() : null, destination)];
    }
}
