using ModelGateway.Serving.Runtime.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

public sealed class RunsUnderWayTests
{
    private readonly RunsUnderWay _runs = new();

    [Fact]
    public void End_NoOtherMeanwhile_WasAlone()
    {
        Assert.True(_runs.End(_runs.Begin()));

        long later = _runs.Begin();

        Assert.Equal(1, RunsUnderWay.CountAt(later));
        Assert.True(_runs.End(later));
    }

    [Fact]
    public void End_AnotherBeganAndEndedMeanwhile_WasNotAlone()
    {
        long first = _runs.Begin();
        long second = _runs.Begin();

        Assert.Equal((1, 2), (RunsUnderWay.CountAt(first), RunsUnderWay.CountAt(second)));
        Assert.False(_runs.End(second));
        Assert.False(_runs.End(first));
    }

    [Fact]
    public void End_BeganBesideOneThatIsOver_WasNotAlone()
    {
        long first = _runs.Begin();
        long second = _runs.Begin();
        _runs.End(first);

        Assert.False(_runs.End(second));
    }

    [Fact]
    public async Task End_FromManyThreads_NobodyIsAloneBesideAnotherAndNoneIsLost()
    {
        int inside = 0;
        int wrong = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 100_000; i++)
            {
                long began = _runs.Begin();
                int seen = Interlocked.Increment(ref inside);
                Interlocked.Decrement(ref inside);
                if (_runs.End(began) && seen > 1)
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        })));

        Assert.Equal(0, wrong);
        Assert.Equal(1, RunsUnderWay.CountAt(_runs.Begin()));
    }
}
