using System.Diagnostics;
using ModelGateway.Serving.Scheduling;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public class RunCostTests
{
    private static readonly long Microsecond = Stopwatch.Frequency / 1_000_000;

    [Fact]
    public void Predict_NothingKnown_IsNull()
    {
        var cost = new RunCost();

        Assert.Null(cost.Predict(1));
        Assert.False(cost.IsWithin(1, long.MaxValue));
        Assert.False(cost.Short.Includes(4));
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(2, 200)]
    [InlineData(8, 800)]
    public void Predict_OnlySmallerRunsKnown_TakesTheCostOfARow(long rows, double microseconds)
    {
        var cost = new RunCost();
        cost.Count(1, 4, 100 * Microsecond);

        Assert.Equal(microseconds, cost.Predict(rows)!.Value.TotalMicroseconds, 1.0);
    }

    [Fact]
    public void Predict_OnlyLargerRunsKnown_TakesTheWholeRun()
    {
        var cost = new RunCost();
        cost.Count(8, 32, 400 * Microsecond);

        Assert.Equal(400, cost.Predict(1)!.Value.TotalMicroseconds, 1.0);
    }

    [Fact]
    public void Count_RunsThatWereInterrupted_ChangeLittle()
    {
        var cost = new RunCost();
        for (int i = 0; i < 100; i++)
        {
            cost.Count(1, 4, (i % 5 == 4 ? 5_000 : 100) * Microsecond);
        }

        Assert.InRange(cost.Predict(1)!.Value.TotalMicroseconds, 100, 150);
    }

    [Fact]
    public void Count_ModelBecomesSlower_IsNoticed()
    {
        var cost = new RunCost();
        cost.Count(1, 4, 100 * Microsecond);

        for (int i = 0; i < 400; i++)
        {
            cost.Count(1, 4, 10_000 * Microsecond);
        }

        Assert.InRange(cost.Predict(1)!.Value.TotalMicroseconds, 9_000, 10_100);
    }
}
