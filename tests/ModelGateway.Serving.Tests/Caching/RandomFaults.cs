using ModelGateway.TestKit.Caching;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Makes a store fail, at once or later, or answer too late, about every other time.</summary>
internal static class RandomFaults
{
    public static void AddTo(MemoryPredictionStore store) =>
        store.OnCall = (_, cancellationToken) => Random.Shared.Next(8) switch
        {
            0 => throw new IOException("At once."),
            1 => LaterAsync(true),
            2 => LaterAsync(false),
            3 => new ValueTask(Task.Delay(Random.Shared.Next(1, 5), CancellationToken.None)),
            4 => new ValueTask(Task.Delay(Random.Shared.Next(1, 5), cancellationToken)),
            _ => default,
        };

    private static async ValueTask LaterAsync(bool fail)
    {
        await Task.Yield();
        if (fail)
        {
            throw new IOException("Later.");
        }
    }
}
