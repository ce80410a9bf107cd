using ModelGateway.Serving.Lifecycle;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class PollScheduleTests
{
    [Theory]
    [InlineData(2, "2, 4, 8, 16, 32, 60, 60")]
    [InlineData(30, "30, 60, 60, 60, 60, 60, 60")]
    [InlineData(60, "60, 60, 60, 60, 60, 60, 60")]
    [InlineData(300, "300, 300, 300, 300, 300, 300, 300")]
    public void Next_AfterFailures_DoublesUpToAMinuteOrTheInterval(int interval, string pauses)
    {
        var schedule = new PollSchedule(TimeSpan.FromSeconds(interval), static () => 0.5);

        Assert.Equal(pauses, string.Join(", ", Enumerable.Range(0, 7).Select(_ =>
        {
            schedule.Failed();
            return schedule.Next(null).TotalSeconds;
        })));
    }

    [Fact]
    public void Next_ThousandsOfFailures_StaysAtTheBound()
    {
        var schedule = new PollSchedule(TimeSpan.FromMilliseconds(50), static () => 0.5);
        for (int i = 0; i < 10_000; i++)
        {
            schedule.Failed();
            Assert.InRange(schedule.Next(null), TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public void Next_FirstSuccessAfterFailures_IsTheIntervalAgain()
    {
        var schedule = new PollSchedule(TimeSpan.FromSeconds(30), static () => 0.5);
        schedule.Failed();
        schedule.Failed();

        schedule.Succeeded();

        Assert.Equal(TimeSpan.FromSeconds(30), schedule.Next(null));
    }

    [Theory]
    [InlineData(2, 0, 1.8)]
    [InlineData(2, 0.25, 1.9)]
    [InlineData(2, 0.5, 2)]
    [InlineData(2, 1, 2.2)]
    [InlineData(30, 0, 29.5)]
    [InlineData(30, 0.25, 29.75)]
    [InlineData(30, 1, 30.5)]
    public void Next_RandomNumber_VariesByATenthAndHalfASecondAtMost(double interval, double random, double seconds) =>
        Assert.Equal(seconds, new PollSchedule(TimeSpan.FromSeconds(interval), () => random).Next(null).TotalSeconds, precision: 6);

    [Fact]
    public void Next_AfterAFailure_VariesByATenth()
    {
        var schedule = new PollSchedule(TimeSpan.FromSeconds(30), static () => 1);
        schedule.Failed();

        Assert.Equal(33, schedule.Next(null).TotalSeconds, precision: 6);
    }

    [Fact]
    public void Next_UsualRandomNumbers_LieWithinHalfASecondAndDiffer()
    {
        var schedule = new PollSchedule(TimeSpan.FromSeconds(30), Random.Shared.NextDouble);
        List<TimeSpan> pauses = [.. Enumerable.Range(0, 1000).Select(_ => schedule.Next(null))];

        Assert.All(pauses, pause => Assert.InRange(pause, TimeSpan.FromSeconds(29.5), TimeSpan.FromSeconds(30.5)));
        Assert.True(pauses.Max() - pauses.Min() > TimeSpan.FromSeconds(0.5));
    }

    [Fact]
    public void Next_SomethingSettles_IsTheSettleTimeUnlessTheStoreFailsOrTheIntervalIsShorter()
    {
        var schedule = new PollSchedule(TimeSpan.FromSeconds(30), static () => 0.5);
        Assert.Equal(TimeSpan.FromSeconds(1), schedule.Next(TimeSpan.FromSeconds(1)));
        Assert.Equal(TimeSpan.FromSeconds(30), schedule.Next(TimeSpan.FromHours(1)));

        schedule.Failed();
        Assert.Equal(TimeSpan.FromSeconds(30), schedule.Next(TimeSpan.FromSeconds(1)));
    }
}
