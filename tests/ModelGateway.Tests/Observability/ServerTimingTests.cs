using ModelGateway.Observability;
using ModelGateway.Serving.Inference;
using Xunit;

namespace ModelGateway.Tests.Observability;

public sealed class ServerTimingTests
{
    [Theory]
    [InlineData(0, "0.000")]
    [InlineData(9, "0.000")]
    [InlineData(10, "0.001")]
    [InlineData(12_345, "1.234")]
    [InlineData(1_000_050, "100.005")]
    [InlineData(36_000_000_010, "3600000.001")]
    [InlineData(-5, "0.000")]
    public void Of_Total_IsMillisecondsWithThreeDecimals(long ticks, string text) =>
        Assert.Equal($"total;dur={text}", ServerTiming.Of(TimeSpan.FromTicks(ticks)));

    [Fact]
    public void Of_Stages_NamesEach() => Assert.Equal(
        "read;dur=1.000, cache;dur=0.005, wait;dur=2.000, run;dur=3.500, write;dur=0.004",
        ServerTiming.Of(TimeSpan.FromMilliseconds(1), TimeSpan.FromMicroseconds(5), new PredictTimings(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(3.5)), TimeSpan.FromMicroseconds(4)));
}
