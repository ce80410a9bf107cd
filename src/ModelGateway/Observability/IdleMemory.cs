using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Runtime.Onnx;

namespace ModelGateway.Observability;

/// <summary>Gives back the memory that work has left free, once nothing is to be done: after the start, and after each time of traffic.</summary>
internal sealed partial class IdleMemory(ServableManager manager, TimeProvider time, ILogger<IdleMemory> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // A collection that compacts stops all threads, for a time that grows with what lives: more than this may take longer than a caller should notice.
    private const long MostToCompact = 64 << 20;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await manager.WaitForStartAsync(stoppingToken);
        NativeHeap.EndStart();
        var judge = new IdleJudge();
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (judge.IsTimeToGiveBack(GC.GetTotalAllocatedBytes()))
            {
                GiveBack();
            }
        }
    }

    private void GiveBack()
    {
        if (GC.GetTotalMemory(forceFullCollection: false) <= MostToCompact)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }

        NativeHeap.GiveBack();
        Log.GivenBack(logger);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.IdleMemoryGivenBack, Level = LogLevel.Debug, Message = "Free memory was given back to the system")]
        public static partial void GivenBack(ILogger logger);
    }
}
