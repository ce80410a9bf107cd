using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Scheduling;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public class QueueClockTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Estimate_FewHaveWaited_IsUnknown()
    {
        var clock = new QueueClock(_time);
        for (int i = 0; i < 7; i++)
        {
            clock.Count(TimeSpan.FromSeconds(1), 1);
        }

        Assert.Null(clock.Estimate(5));
        Assert.Equal(TimeSpan.FromSeconds(1), clock.RetryAfter(5));
    }

    [Fact]
    public void Estimate_WaitsGrowWithThePlace_FollowsThem()
    {
        var clock = new QueueClock(_time);
        for (int place = 1; place <= 20; place++)
        {
            clock.Count(TimeSpan.FromMilliseconds(100 * place), place);
        }

        Assert.Equal(1_000, clock.Estimate(10)!.Value.TotalMilliseconds, 1.0);
        Assert.Equal(2_000, clock.RetryAfter(20).TotalMilliseconds, 1.0);
        Assert.Equal(TimeSpan.FromSeconds(1), clock.RetryAfter(2));
        Assert.Equal(TimeSpan.FromMinutes(1), clock.RetryAfter(100_000));
    }

    [Fact]
    public void Estimate_ModelBecomesFaster_IsNoticed()
    {
        var clock = new QueueClock(_time);
        for (int i = 0; i < 20; i++)
        {
            clock.Count(TimeSpan.FromSeconds(1), 1);
        }

        for (int i = 0; i < 40; i++)
        {
            clock.Count(TimeSpan.FromMilliseconds(1), 1);
        }

        Assert.InRange(clock.Estimate(1)!.Value.TotalMilliseconds, 1, 10);
    }

    [Fact]
    public void Estimate_NobodyWasMeasuredForLong_IsForgotten()
    {
        var clock = new QueueClock(_time);
        for (int i = 0; i < 20; i++)
        {
            clock.Count(TimeSpan.FromMilliseconds(400), 1);
        }

        _time.Advance(TimeSpan.FromMilliseconds(1_500));
        Assert.NotNull(clock.Estimate(1));

        _time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Null(clock.Estimate(1));
        clock.Count(TimeSpan.FromMilliseconds(1), 1);
        Assert.Null(clock.Estimate(1));
    }
}
