using ModelGateway.TestKit.Hosting;
using Xunit;
using Xunit.Abstractions;

namespace ModelGateway.Tests.Scaling;

/// <summary>Pods come and go under load and no client notices; <c>pod-life</c> of the benchmarks does it a hundred times, and counts what was sent twice.</summary>
public sealed class PodLifeTests(ITestOutputHelper output)
{
    private const int Lives = 3;

    [Fact]
    public async Task Pod_WholeLifeUnderLoad_NoRequestFails()
    {
        PodLivesResult result = await PodLives.RunAsync(Lives, TimeSpan.FromSeconds(1.5));

        output.WriteLine($"{result.Lives} lives: {result.Answered} answers, {result.AnsweredByPods} of them by the pods, {result.SentAgain} requests sent again");
        Assert.Empty(result.Failures);
        Assert.Equal(Lives, result.Lives);
    }
}
