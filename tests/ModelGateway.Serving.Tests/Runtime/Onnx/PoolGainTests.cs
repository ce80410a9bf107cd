using System.Diagnostics;
using ModelGateway.Serving.Runtime.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Inputs of 1,000 bytes unless said.</summary>
public sealed class PoolGainTests
{
    private const long Bytes = 1_000;

    [Fact]
    public void IsShort_NothingKnown_IsNot() => Assert.False(new PoolGain(2).IsShort(Bytes));

    [Theory]
    [InlineData(0.05, true)]
    [InlineData(0.5, false)]
    public void IsShort_TenthOfAMillisecond(double milliseconds, bool isShort) => Assert.Equal(isShort, Known(2, null, milliseconds).IsShort(Bytes));

    [Fact]
    public void IsShort_HeldUpByOthers_StaysShort()
    {
        PoolGain gain = Known(2, null, 0.003);
        for (int i = 0; i < 20; i++)
        {
            Count(gain, isPooled: true, 5, wasAlone: false);
            Count(gain, isPooled: true, 0.003, wasAlone: false);
        }

        Assert.True(gain.IsShort(Bytes));
    }

    [Fact]
    public void IsShort_BecomesLong_IsNoticed()
    {
        PoolGain gain = Known(2, null, 0.05);
        for (int i = 0; i < 100; i++)
        {
            Count(gain, isPooled: true, 5);
        }

        Assert.False(gain.IsShort(Bytes));
    }

    [Theory]
    [InlineData(2, 0.05, true, false, true)]
    [InlineData(2, 0.05, false, false, true)]
    [InlineData(2, 0.5, true, false, true)]
    [InlineData(2, 5, true, false, false)]
    [InlineData(2, 5, false, false, true)]
    [InlineData(1, 0.5, false, false, false)]
    [InlineData(2, 0.05, false, true, false)]
    [InlineData(2, 0.5, false, true, true)]
    public void IsOwnWanted_WhereThePoolCannotPayOrRunsMeet(int threads, double milliseconds, bool wasAlone, bool isTiny, bool isWanted)
    {
        var gain = new PoolGain(threads);
        for (int i = 0; i < 31; i++)
        {
            Count(gain, isPooled: true, milliseconds, wasAlone);
            Assert.False(gain.IsOwnWanted(Bytes, isTiny));
        }

        Count(gain, isPooled: true, milliseconds, wasAlone);

        Assert.Equal(isWanted, gain.IsOwnWanted(Bytes, isTiny));
    }

    [Theory]
    [InlineData(2, 10, 1, true)]
    [InlineData(2, 10, 2, false)]
    [InlineData(8, 10, 5, true)]
    [InlineData(8, 10, 6, false)]
    [InlineData(8, 1, 5, false)]
    public void Prefers_OnlyOneWayKnown_ThePoolWhereRunsAreLongAndFew(int threads, double milliseconds, int running, bool prefers)
    {
        PoolGain gain = Known(threads, milliseconds, null);

        Assert.Equal(prefers, gain.Prefers(Bytes, running));
    }

    [Theory]
    [InlineData(2, 20, 15, 1, true)]
    [InlineData(2, 20, 15, 2, false)]
    [InlineData(2, 20, 22, 1, false)]
    [InlineData(2, 20, 5, 2, false)]
    [InlineData(8, 20, 5, 4, true)]
    [InlineData(8, 20, 5, 5, false)]
    public void Prefers_FewerRunsThanItIsTimesFaster_ThePool(int threads, double own, double pooled, int running, bool prefers) =>
        Assert.Equal(prefers, Known(threads, own, pooled).Prefers(Bytes, running));

    [Fact]
    public void Prefers_LoneRunsAtFirst_TriesBothWays()
    {
        var gain = new PoolGain(2);
        List<bool> tried = [];
        for (int i = 0; i < 24; i++)
        {
            bool isPooled = gain.Prefers(Bytes, 1);
            tried.Add(isPooled);
            Count(gain, isPooled, isPooled ? 12 : 10);
        }

        Assert.InRange(tried.Count(isPooled => isPooled), 11, 13);
        Assert.False(gain.Prefers(Bytes, 1));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(1, false)]
    public void Prefers_NoRunIsEverAloneToItsEnd_StopsTrying(double milliseconds, bool isPooled)
    {
        PoolGain gain = Known(2, null, milliseconds);

        for (int i = 0; i < 64; i++)
        {
            Assert.False(gain.Prefers(Bytes, 1));
        }

        Assert.Equal(isPooled, gain.Prefers(Bytes, 1));

        // But for one now and then.
        Assert.Equal(4, Enumerable.Range(0, 1024).Count(_ => gain.Prefers(Bytes, 1) != isPooled) + (isPooled ? 0 : 4));
    }

    [Theory]
    [InlineData(10, 20, 4)]
    [InlineData(20, 10, 4)]
    [InlineData(10, 11, 64)]
    [InlineData(11, 10, 64)]
    public void Prefers_LoneRunsLater_TriesTheOtherWayNowAndThen(double own, double pooled, int tries)
    {
        PoolGain gain = Known(2, own, pooled);

        Assert.Equal(tries, Enumerable.Range(0, 1024).Count(_ => gain.Prefers(Bytes, 1) != own > pooled));
    }

    [Fact]
    public void Prefers_RunsUnderTwoMilliseconds_NeverThePool()
    {
        // The pool seems faster, as it may while the other core has nothing to do just then.
        PoolGain gain = Known(2, 1.5, 1);

        Assert.All(Enumerable.Range(0, 1024), _ => Assert.False(gain.Prefers(Bytes, 1)));
    }

    [Fact]
    public void Prefers_TwoSizesInTurn_TriesTheOtherWayWithEach()
    {
        PoolGain gain = Known(2, 10, 20);
        for (int i = 0; i < 14; i++)
        {
            gain.Count(100 * Bytes, isPooled: false, Stopwatch.Frequency, wasAlone: true);
            gain.Count(100 * Bytes, isPooled: true, 2 * Stopwatch.Frequency, wasAlone: true);
        }

        int one = 0;
        int two = 0;
        for (int i = 0; i < 1024; i++)
        {
            one += gain.Prefers(Bytes, 1) ? 1 : 0;
            two += gain.Prefers(100 * Bytes, 1) ? 1 : 0;
        }

        Assert.Equal((4, 4), (one, two));
    }

    [Fact]
    public async Task Count_FromManyThreads_StaysAMean()
    {
        for (int round = 0; round < 200; round++)
        {
            var gain = new PoolGain(2);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
            {
                for (int i = 0; i < 20; i++)
                {
                    Count(gain, isPooled: true, 10);
                    Count(gain, isPooled: false, 20);
                }
            })));

            Assert.True(gain.Prefers(Bytes, 1));
        }
    }

    [Fact]
    public void Prefers_OtherSizes_AreLearnedForThemselves()
    {
        PoolGain gain = Known(2, 10, 20);

        Assert.False(gain.Prefers(Bytes, 1));
        for (int i = 0; i < 14; i++)
        {
            gain.Count(100 * Bytes, isPooled: false, Stopwatch.Frequency, wasAlone: true);
            gain.Count(100 * Bytes, isPooled: true, Stopwatch.Frequency / 2, wasAlone: true);
        }

        Assert.True(gain.Prefers(100 * Bytes, 1));
        Assert.False(gain.Prefers(Bytes, 1));
    }

    [Fact]
    public void Count_OneRunHeldUp_ChangesNothing()
    {
        PoolGain gain = Known(2, 20, 10);
        Count(gain, isPooled: true, 1_000);

        Assert.True(gain.Prefers(Bytes, 1));
    }

    [Fact]
    public void Count_PoolGrewSlow_IsNoticed()
    {
        PoolGain gain = Known(2, 20, 10);
        for (int i = 0; i < 100; i++)
        {
            Count(gain, isPooled: true, 40);
        }

        Assert.False(gain.Prefers(Bytes, 1));
    }

    [Fact]
    public void Count_TimesThatHangOnWhatInputsSay_AreComparedByTheirMean()
    {
        // Most are a little faster without the pool, and the rest take twice as long.
        var gain = new PoolGain(2);
        for (int i = 0; i < 64; i++)
        {
            Count(gain, isPooled: true, i % 4 == 0 ? 5 : 2.2);
            Count(gain, isPooled: false, i % 4 == 0 ? 10 : 2);
        }

        Assert.True(gain.Prefers(Bytes, 1));
    }

    private static PoolGain Known(int threads, double? own, double? pooled)
    {
        var gain = new PoolGain(threads);
        for (int i = 0; i < 14; i++)
        {
            if (own is { } alone)
            {
                Count(gain, isPooled: false, alone);
            }

            if (pooled is { } shared)
            {
                Count(gain, isPooled: true, shared);
            }
        }

        return gain;
    }

    private static void Count(PoolGain gain, bool isPooled, double milliseconds, bool wasAlone = true) =>
        gain.Count(Bytes, isPooled, (long)(Stopwatch.Frequency * milliseconds / 1000), wasAlone);
}
