using System.Buffers;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// A store of predictions that several gateways share, such as Redis. It moves bytes and knows nothing of them.
/// </summary>
/// <remarks>
/// It may throw whatever its client throws, whenever it likes: <c>SharedPredictions</c> bounds every call in time, counts what fails, takes
/// a failing store out and probes it. So an implementation neither retries nor waits for a lost connection: a call without one fails at once.
/// A cancelled call may go on in the background, but gives its buffers back. Safe for any thread.
/// </remarks>
public interface IPredictionStore : IAsyncDisposable
{
    /// <summary>What metrics and messages call it: <c>redis</c>.</summary>
    string Name { get; }

    /// <summary>The largest value it takes; bytes.</summary>
    int MaxValueBytes { get; }

    /// <summary>
    /// A call ends when its token is cancelled, at once and whatever the server does, as <c>PredictionStoreContract</c> of the tests asks of a store; then
    /// nobody needs to stand beside it and watch the same token.
    /// </summary>
    bool EndsCancelledCalls => false;

    /// <summary>A value, which the caller disposes; null where there is none.</summary>
    ValueTask<IMemoryOwner<byte>?> GetAsync(PredictionKey key, CancellationToken cancellationToken);

    /// <summary>Several values in one trip, each at its key's place; null where there is none. The caller disposes them.</summary>
    ValueTask<IReadOnlyList<IMemoryOwner<byte>?>> GetManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken);

    /// <summary>Keeps a value, in place of the one before.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="value">Not read after the call is over.</param>
    /// <param name="lifetime">How long, at least a second.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask SetAsync(PredictionKey key, ReadOnlyMemory<byte> value, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Claims the work on a key: true for one caller among all gateways until the claim is over or released.</summary>
    /// <param name="key">Whose value will be made; claims do not touch values.</param>
    /// <param name="lifetime">How long a claim holds that is not released; from 10 ms.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<bool> TryClaimAsync(PredictionKey key, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Ends a claim that <see cref="TryClaimAsync"/> granted.</summary>
    ValueTask ReleaseClaimAsync(PredictionKey key, CancellationToken cancellationToken);

    /// <summary>
    /// The epochs that enter the keys: where a purge sets a new one, everything made under the one before is out of reach. One that is not there
    /// (never set, or evicted) is set to that of <paramref name="ifAbsent"/>, by one of several callers; the answer is what then stands there.
    /// A store of several servers says null for what lies on one that does not answer, and throws where none does.
    /// </summary>
    /// <param name="scopes">Names such as <c>iris</c> or <c>iris/3</c>: up to 160 characters of ASCII without spaces.</param>
    /// <param name="ifAbsent">For each scope the epoch to begin with.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<IReadOnlyList<long?>> GetEpochsAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken);

    /// <summary>Sets an epoch and, where the store can, tells every gateway at once.</summary>
    ValueTask SetEpochAsync(string scope, long epoch, CancellationToken cancellationToken);

    /// <summary>
    /// Has <paramref name="changed"/> called, from any thread, when a gateway (this one too) set the epoch of a scope, and with null when
    /// announcements may have been missed. Stores that cannot announce never call it. At most one subscriber, before the first call.
    /// </summary>
    void OnEpochChanged(Action<string?> changed);

    /// <summary>Completes when the store answers and takes writes; fails when it does not.</summary>
    ValueTask ProbeAsync(CancellationToken cancellationToken);
}
