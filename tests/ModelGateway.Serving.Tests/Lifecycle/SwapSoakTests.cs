using System.Globalization;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Swaps under constant load: not one prediction fails, none is answered by an older version than the one before, and nothing is left over.</summary>
public sealed class SwapSoakTests
{
    private const int Swaps = 200;
    private const int Threads = 4;

    [Fact]
    public async Task Swaps_UnderConstantLoad_FailNoPredictionAndLeaveNothing()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(0));
        await serving.ScanAndSettleAsync();
        using var stop = new CancellationTokenSource();
        Task<long>[] callers = [.. Enumerable.Range(0, Threads).Select(_ => Task.Factory.StartNew(
            () => PredictUntil(serving, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];

        long version = 1;
        for (int swap = 1; swap <= Swaps && !callers.Any(caller => caller.IsCompleted); swap++)
        {
            if (swap % 2 == 0)
            {
                version++;
            }

            serving.Add("adder", version, TestModels.AddConstant(swap));
            await serving.ScanAndSettleAsync();
            Assert.Equal(swap, await serving.PredictAsync("adder"));
            if (swap % 2 == 0)
            {
                serving.Folder.RemoveVersion("adder", version - 1);
            }
        }

        await stop.CancelAsync();
        long[] predictions = await Task.WhenAll(callers);
        await serving.ScanAndSettleAsync();
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);

        Assert.All(predictions, count => Assert.True(count > Swaps));
        Assert.Equal(Swaps, await serving.PredictAsync("adder"));
        Assert.Equal([version], serving.Manager.Find("adder")!.Versions.Select(view => view.Id.Version));
        Assert.Single(serving.Artifacts());
        Assert.Single(await serving.MetricsAsync("modelgateway_instances{"));
        Assert.Equal(0, serving.ServingMetrics.LoadFailures.Value);
        Assert.Equal(["0"], (await serving.MetricsAsync("modelgateway_instances_busy{")).Select(line => line.Split(' ')[^1]));
    }

    private static long PredictUntil(ServingHarness serving, CancellationToken stop)
    {
        long count = 0;
        float last = 0;
        for (; !stop.IsCancellationRequested; count++)
        {
            float answer = serving.PredictAsync("adder").GetAwaiter().GetResult();
            Assert.True(answer >= last, string.Create(CultureInfo.InvariantCulture, $"After {last} came {answer}."));
            last = answer;
        }

        return count;
    }
}
