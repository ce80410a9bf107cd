using ModelGateway.Observability;
using Xunit;

namespace ModelGateway.Tests.Observability;

/// <summary>When memory is given back: once after each time of work, never during it.</summary>
public sealed class IdleJudgeTests
{
    private const long Megabyte = 1 << 20;
    private readonly IdleJudge _judge = new();
    private long _allocated;

    [Fact]
    public void IsTimeToGiveBack_AfterTheStart_OnceAndNotBeforeItIsOver()
    {
        Assert.False(After(5 * Megabyte));
        Assert.False(After(5 * Megabyte));
        Assert.True(After(Megabyte / 10));
        Assert.False(After(0));
    }

    [Fact]
    public void IsTimeToGiveBack_ProbesAndScrapesAlone_Rarely()
    {
        After(30 * Megabyte);
        After(0);

        // A third of a megabyte in five seconds: every two minutes at most.
        Assert.Equal(1, Enumerable.Range(0, 40).Count(_ => After(Megabyte / 3)));
    }

    [Fact]
    public void IsTimeToGiveBack_Traffic_WhenItIsOver()
    {
        After(30 * Megabyte);
        After(0);

        Assert.DoesNotContain(true, Enumerable.Range(0, 100).Select(_ => After(50 * Megabyte)));
        Assert.True(After(Megabyte));
    }

    private bool After(long bytes) => _judge.IsTimeToGiveBack(_allocated += bytes);
}
