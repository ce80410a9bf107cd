using System.Text;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public class PayloadCompressorTests
{
    private readonly PayloadCompressor _compressor = new();
    private readonly byte[] _destination = new byte[1 << 20];

    [Fact]
    public void TryCompress_BelowOneKibibyte_LeavesIt() => Assert.False(_compressor.TryCompress(new byte[1023], _destination, out _));

    [Fact]
    public void TryCompress_Repeats_SavesAnEighthOrMore()
    {
        byte[] payload = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 1000).Select(i => $"label {i % 10};")));
        Assert.True(_compressor.TryCompress(payload, _destination, out int length));
        Assert.InRange(length, 1, PayloadCompressor.Limit(payload.Length));
    }

    [Fact]
    public void TryCompress_DoesNotSaveAnEighth_WritesNothingBeyondTheLimit()
    {
        byte[] payload = Noise(4096);
        _destination.AsSpan().Fill(0xAB);
        Assert.False(_compressor.TryCompress(payload, _destination, out _));
        Assert.Equal(-1, _destination.AsSpan(PayloadCompressor.Limit(4096)).IndexOfAnyExcept((byte)0xAB));
    }

    // What is easy is passed over while the pause lasts: so it shows how long one is.
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 4)]
    [InlineData(5, 32)]
    [InlineData(6, 64)]
    [InlineData(9, 64)]
    public void TryCompress_WhereItDidNotPay_TriesMoreAndMoreSeldom(int failures, int pause)
    {
        byte[] noise = Noise(4096);
        byte[] easy = new byte[4096];
        for (int failure = 1; failure <= failures; failure++)
        {
            Assert.False(_compressor.TryCompress(noise, _destination, out _));
            for (int i = 0; failure < failures && i < 1 << Math.Min(failure, 6); i++)
            {
                Assert.False(_compressor.TryCompress(easy, _destination, out _));
            }
        }

        for (int i = 0; i < pause; i++)
        {
            Assert.False(_compressor.TryCompress(easy, _destination, out _));
        }

        Assert.True(_compressor.TryCompress(easy, _destination, out _));
    }

    [Fact]
    public void TryCompress_AfterItPaid_ForgetsTheFailures()
    {
        byte[] easy = new byte[4096];
        Assert.False(_compressor.TryCompress(Noise(4096), _destination, out _));
        Assert.False(_compressor.TryCompress(easy, _destination, out _));
        Assert.False(_compressor.TryCompress(easy, _destination, out _));
        Assert.True(_compressor.TryCompress(easy, _destination, out _));
        Assert.True(_compressor.TryCompress(easy, _destination, out _));
    }

    [Fact]
    public void TryCompress_OtherLengths_AreTriedOnTheirOwn()
    {
        Assert.False(_compressor.TryCompress(Noise(4096), _destination, out _));
        Assert.True(_compressor.TryCompress(new byte[8000], _destination, out _));
    }

    private static byte[] Noise(int length)
    {
        byte[] noise = new byte[length];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
