using System.Numerics;
using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class PieceChecksumTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(1000)]
    public void Value_AnyLengthInAnyPortions_IsThatOfTheSimpleVersion(int length)
    {
        byte[] bytes = Content(length);
        var random = new Random(length);
        for (int i = 0; i < 100; i++)
        {
            var checksum = new PieceChecksum();
            for (int start = 0; start < length;)
            {
                int portion = random.Next(Math.Min(length - start, 100) + 1);
                checksum.Append(bytes.AsSpan(start, portion));
                start += portion;
            }

            Assert.Equal(Simple(bytes), checksum.Value);
        }
    }

    [Fact]
    public void Value_AnyBitIsAnother_Differs()
    {
        byte[] bytes = Content(100);
        uint right = Of(bytes);
        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(right, Of(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Value_PageOfZeros_DiffersFromWhatWasThere() => Assert.NotEqual(Of(Content(4096)), Of(new byte[4096]));

    private static uint Of(byte[] bytes)
    {
        var checksum = new PieceChecksum();
        checksum.Append(bytes);
        return checksum.Value;
    }

    private static uint Simple(byte[] bytes)
    {
        uint[] lanes = [.. Enumerable.Repeat(uint.MaxValue, 4)];
        for (int i = 0; i < bytes.Length; i++)
        {
            lanes[i / 8 % 4] = BitOperations.Crc32C(lanes[i / 8 % 4], bytes[i]);
        }

        return ~lanes.Aggregate(uint.MaxValue, BitOperations.Crc32C);
    }

    private static byte[] Content(int length)
    {
        byte[] content = new byte[length];
        new Random(1).NextBytes(content);
        return content;
    }
}
