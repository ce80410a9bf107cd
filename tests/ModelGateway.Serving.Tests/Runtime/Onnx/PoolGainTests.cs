using System.Diagnostics;
using ModelGateway.Serving.Runtime.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Inputs of 1,000 bytes unless said.</summary>
public sealed class PoolGainTests
{
    private const long Bytes = 1_000;

    [Fact]
    public void Prefers_NothingKnown_NotThePool()
    {
        var gain = new PoolGain(2);

        Assert.False(gain.Prefers(Bytes, 1));
        Assert.False(gain.IsPromising(Bytes, 1));
        Assert.False(gain.IsShort(Bytes));
    }

    [Theory]
    [InlineData(0.05, true, false)]
    [InlineData(0.5, false, false)]
    [InlineData(5, false, true)]
    public void IsPromising_OnlyWhereARunIsLong(double milliseconds, bool isShort, bool isPromising)
    {
        PoolGain gain = Known(2, milliseconds, null);

        Assert.Equal(isShort, gain.IsShort(Bytes));
        Assert.Equal(isPromising, gain.IsPromising(Bytes, 1));
    }

    [Theory]
    [InlineData(2, 1, true)]
    [InlineData(2, 2, false)]
    [InlineData(8, 5, true)]
    [InlineData(8, 6, false)]
    public void IsPromising_FewRunsForItsThreads(int threads, int running, bool isPromising) =>
        Assert.Equal(isPromising, Known(threads, 10, null).IsPromising(Bytes, running));

    [Theory]
    [InlineData(2, 20, 15, 1, true)]
    [InlineData(2, 20, 15, 2, false)]
    [InlineData(2, 20, 22, 1, false)]
    [InlineData(8, 20, 5, 4, true)]
    [InlineData(8, 20, 5, 5, false)]
    public void Prefers_FewerRunsThanItIsTimesFaster_ThePool(int threads, double own, double pooled, int running, bool prefers) =>
        Assert.Equal(prefers, Known(threads, own, pooled).Prefers(Bytes, running));

    [Fact]
    public void Prefers_GainOfAllThreads_LeavesARunToTheLastCore() => Assert.False(Known(2, 20, 5).Prefers(Bytes, 2));

    [Fact]
    public void Prefers_LoneRunsAtFirst_TriesBothWays()
    {
        var gain = new PoolGain(2);
        gain.Count(Bytes, isPooled: false, Ticks(10));
        List<bool> tried = [];
        for (int i = 0; i < 8; i++)
        {
            bool isPooled = gain.Prefers(Bytes, 1);
            tried.Add(isPooled);
            gain.Count(Bytes, isPooled, Ticks(isPooled ? 12 : 10));
        }

        Assert.InRange(tried.Count(isPooled => isPooled), 3, 5);
        Assert.False(gain.Prefers(Bytes, 1));
    }

    [Theory]
    [InlineData(10, 20)]
    [InlineData(20, 10)]
    public void Prefers_LoneRunsLater_TriesTheOtherWayNowAndThen(double own, double pooled)
    {
        PoolGain gain = Known(2, own, pooled);

        int other = Enumerable.Range(0, 1024).Count(_ => gain.Prefers(Bytes, 1) != own > pooled);

        Assert.Equal(4, other);
    }

    [Fact]
    public void Prefers_OtherSizes_AreLearnedForThemselves()
    {
        PoolGain gain = Known(2, 20, 10);

        Assert.True(gain.Prefers(Bytes, 1));
        Assert.False(gain.Prefers(100 * Bytes, 1));
    }

    [Fact]
    public void Count_RunsHeldUpByOthers_CountLittle()
    {
        PoolGain gain = Known(2, 20, 10);
        gain.Count(Bytes, isPooled: true, Ticks(1_000));

        Assert.True(gain.Prefers(Bytes, 1));
    }

    [Fact]
    public void Count_PoolGrewSlow_IsNoticed()
    {
        PoolGain gain = Known(2, 20, 10);
        for (int i = 0; i < 100; i++)
        {
            gain.Count(Bytes, isPooled: true, Ticks(40));
        }

        Assert.False(gain.Prefers(Bytes, 1));
    }

    private static PoolGain Known(int threads, double own, double? pooled)
    {
        var gain = new PoolGain(threads);
        for (int i = 0; i < 8; i++)
        {
            gain.Count(Bytes, isPooled: false, Ticks(own));
            if (pooled is { } milliseconds)
            {
                gain.Count(Bytes, isPooled: true, Ticks(milliseconds));
            }
        }

        return gain;
    }

    private static long Ticks(double milliseconds) => (long)(Stopwatch.Frequency * milliseconds / 1000);
}
