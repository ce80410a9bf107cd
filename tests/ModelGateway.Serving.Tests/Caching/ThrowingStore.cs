using System.Buffers;
using ModelGateway.Serving.Caching;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>A client that throws where it should answer with a failed task.</summary>
internal sealed class ThrowingStore : IPredictionStore
{
    public string Name => "throwing";

    public int MaxValueBytes => 1 << 20;

    public ValueTask<IMemoryOwner<byte>?> GetAsync(PredictionKey key, CancellationToken cancellationToken) => throw Broken();

    public ValueTask<IReadOnlyList<IMemoryOwner<byte>?>> GetManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken) => throw Broken();

    public ValueTask SetAsync(PredictionKey key, ReadOnlyMemory<byte> value, TimeSpan lifetime, CancellationToken cancellationToken) => throw Broken();

    public ValueTask<bool> TryClaimAsync(PredictionKey key, TimeSpan lifetime, CancellationToken cancellationToken) => throw Broken();

    public ValueTask ReleaseClaimAsync(PredictionKey key, CancellationToken cancellationToken) => throw Broken();

    public ValueTask<IReadOnlyList<long?>> GetEpochsAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken) => throw Broken();

    public ValueTask SetEpochAsync(string scope, long epoch, CancellationToken cancellationToken) => throw Broken();

    public void OnEpochChanged(Action<string?> changed)
    {
        // It never announces anything.
    }

    public ValueTask ProbeAsync(CancellationToken cancellationToken) => throw Broken();

    public ValueTask DisposeAsync() => throw Broken();

    private static InvalidOperationException Broken() => new("Broken.");
}
