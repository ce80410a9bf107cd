using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>A store that is well but answers far later than requests wait for it.</summary>
public abstract class SlowStoreTests : StoreFaultTests
{
    // Ten times the timeout, and less than any client's patience with a connection.
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(200);

    /// <summary>What lies between the gateway and the store.</summary>
    protected SlowLink Link { get; set; } = null!;

    [Fact]
    public Task Predict_AnswersLate_GoesOnWithoutIt() => FailAsync(
        () => OpensAsync("read", () =>
        {
            Link.Delay = Late;
            return Task.CompletedTask;
        }),
        async () =>
        {
            // No probe has found it well.
            Assert.Equal(1, await Replica.MetricAsync("modelgateway_cache_store_breaker_open", "calls=\"read\""));
            Link.Delay = TimeSpan.Zero;
        });
}
