using System.Diagnostics;
using ModelGateway.Serving.Scheduling;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public class ShortRunsTests
{
    private static readonly long Millisecond = Stopwatch.Frequency / 1_000;

    [Theory]
    [InlineData(1_000, true)]
    [InlineData(10, true)]
    [InlineData(2_000, true)]
    [InlineData(8_000, false)]
    public void Includes_SizeThatNobodyTried_GoesByTheNearest(long bytes, bool isShort)
    {
        var runs = new ShortRuns();
        runs.Count(1_000, Millisecond / 4);

        Assert.Equal(isShort, runs.Includes(bytes));
    }

    [Fact]
    public void Includes_LongInputsTakeLong_OnlySmallOnesAreShort()
    {
        var runs = new ShortRuns();
        for (int i = 0; i < 100; i++)
        {
            runs.Count(1_000, Millisecond / 100);
            runs.Count(100_000, Millisecond * 30);
        }

        Assert.True(runs.Includes(1_000));
        Assert.False(runs.Includes(100_000));
    }

    [Fact]
    public void Includes_OneRunSurprised_TrustsNoneForAWhile()
    {
        var runs = new ShortRuns();
        runs.Count(8, Millisecond / 100);
        Assert.True(runs.Includes(8));

        runs.Count(8, Millisecond * 60);

        Assert.False(runs.Includes(8));
        for (int i = 0; i < 64; i++)
        {
            Assert.False(runs.Includes(8));
            runs.Count(8, Millisecond / 100);
        }

        Assert.True(runs.Includes(8));
    }
}
