using Microsoft.Extensions.Time.Testing;
using ModelGateway.Observability;
using Xunit;

namespace ModelGateway.Tests.Observability;

public sealed class RefusalLinesTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void TryTake_ManyInASecond_TheFirstGetLinesAndTheNextSecondTellsOfTheOthers()
    {
        var lines = new RefusalLines(_time);
        Assert.Equal(RefusalLines.ASecond, Enumerable.Range(0, 100).Count(_ => lines.TryTake(out long without) && without == 0));

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(lines.TryTake(out long missed));
        Assert.Equal(100 - RefusalLines.ASecond, missed);
        Assert.True(lines.TryTake(out missed));
        Assert.Equal(0, missed);
    }

    [Fact]
    public void TryTake_FewASecond_AllGetLines()
    {
        var lines = new RefusalLines(_time);
        for (int i = 0; i < 50; i++)
        {
            Assert.True(lines.TryTake(out long without));
            Assert.Equal(0, without);
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }
    }
}
