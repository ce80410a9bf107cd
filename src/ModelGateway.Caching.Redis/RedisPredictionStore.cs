using System.Buffers;
using System.Security.Cryptography;
using ModelGateway.Serving.Caching;
using StackExchange.Redis;

namespace ModelGateway.Caching.Redis;

/// <summary>Predictions in Redis, over one pipelined connection for each server.</summary>
/// <remarks>
/// The client cannot call off a command that is sent, so callers who leave leave only their wait; what comes for them later is given back.
/// Names of keys are those of <see cref="RedisKeys"/>.
/// </remarks>
internal sealed class RedisPredictionStore : IPredictionStore
{
    // Redis's own limit of a string (proto-max-bulk-len).
    private const int LargestValue = 512 * 1024 * 1024;

    // Deletes a claim if it is still this owner's. One key, so that it runs on a cluster.
    private const string Release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

    private static readonly TimeSpan ProbeLifetime = TimeSpan.FromSeconds(1);
    private readonly RedisConnection _connection;
    private readonly RedisKeys _keys;

    // One for the whole gateway: within it there is one flight for a key.
    private readonly RedisValue _owner = RandomNumberGenerator.GetBytes(16);

    public RedisPredictionStore(RedisConnection connection, RedisKeys keys) => (_connection, _keys) = (connection, keys);

    public string Name => "redis";

    public int MaxValueBytes => LargestValue;

    public bool EndsCancelledCalls => true;

    public async ValueTask<IMemoryOwner<byte>?> GetAsync(PredictionKey key, CancellationToken cancellationToken)
    {
        // What requests wait for: one state machine, and not that of WaitAsync in it.
        Task<Lease<byte>?> pending = Ready(cancellationToken).StringGetLeaseAsync(_keys.Value(key));
        try
        {
            return await pending.WaitAsync(cancellationToken);
        }
        catch (Exception exception)
        {
            GiveBack(pending);
            if (Explain(exception) is { } explained)
            {
                throw explained;
            }

            throw;
        }
    }

    public async ValueTask<IReadOnlyList<IMemoryOwner<byte>?>> GetManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken)
    {
        IDatabase database = Ready(cancellationToken);
        var pending = new Task<Lease<byte>?>[keys.Count];
        try
        {
            // One by one, for a cluster refuses a command over keys of several slots. They share their trips: nobody waits in between.
            for (int index = 0; index < pending.Length; index++)
            {
                pending[index] = database.StringGetLeaseAsync(_keys.Value(keys[index]));
            }

            return await WaitAsync(Task.WhenAll(pending), cancellationToken);
        }
        catch
        {
            foreach (Task<Lease<byte>?>? one in pending)
            {
                GiveBack(one);
            }

            throw;
        }
    }

    public async ValueTask SetAsync(PredictionKey key, ReadOnlyMemory<byte> value, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        IDatabase database = Ready(cancellationToken);

        // The client may write a command that it queued when the caller has left with its buffer, so it gets a copy. That is used again only after
        // Redis's answer: without one the command may still be written.
        byte[] copy = ArrayPool<byte>.Shared.Rent(value.Length);
        value.CopyTo(copy);
        Task<bool> pending = database.StringSetAsync(_keys.Value(key), new ReadOnlyMemory<byte>(copy, 0, value.Length), lifetime, When.Always);
        _ = pending.ContinueWith(
            static (_, buffer) => ArrayPool<byte>.Shared.Return((byte[])buffer!),
            copy,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        await WaitAsync(pending, cancellationToken);
    }

    public async ValueTask<bool> TryClaimAsync(PredictionKey key, TimeSpan lifetime, CancellationToken cancellationToken) =>
        await WaitAsync(Ready(cancellationToken).StringSetAsync(_keys.Claim(key), _owner, lifetime, When.NotExists), cancellationToken);

    public async ValueTask ReleaseClaimAsync(PredictionKey key, CancellationToken cancellationToken) =>
        await WaitAsync(Ready(cancellationToken).ScriptEvaluateAsync(Release, [_keys.Claim(key)], [_owner], CommandFlags.NoScriptCache), cancellationToken);

    public async ValueTask<IReadOnlyList<long?>> GetEpochsAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken)
    {
        IDatabase database = Ready(cancellationToken);

        // They share their trips. A node of a cluster that is away holds up what lies on it, and no other.
        Task<long>[] pending = [.. scopes.Select(EpochAsync)];
        await Task.WhenAll(pending).ContinueWith(
            static settled => _ = settled.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return pending.Length > 0 && Array.TrueForAll(pending, static one => !one.IsCompletedSuccessfully)
            ? [await pending[0]]
            : [.. pending.Select(static one => one.IsCompletedSuccessfully ? one.Result : (long?)null)];

        async Task<long> EpochAsync(string scope)
        {
            RedisValue found = await WaitAsync(ReadEpochAsync(database, scope), cancellationToken);
            if (IsEpoch(found, out long epoch))
            {
                return epoch;
            }

            found = await WaitAsync(BeginEpochAsync(database, scope, ifAbsent, found.IsNull ? When.NotExists : When.Always), cancellationToken);
            return IsEpoch(found, out epoch) ? epoch : ifAbsent;
        }
    }

    public async ValueTask SetEpochAsync(string scope, long epoch, CancellationToken cancellationToken)
    {
        // Announced when it stands: who hears of it reads it.
        await WaitAsync(Ready(cancellationToken).StringSetAsync(_keys.Epoch(scope), epoch), cancellationToken);
        await WaitAsync(_connection.Subscriber.PublishAsync(_keys.Epochs, scope), cancellationToken);
    }

    public void OnEpochChanged(Action<string?> changed) => _connection.OnAnnounced(changed);

    /// <inheritdoc/>
    /// <remarks>Writes, for a full server and a replica still answer reads; under another name each time, so that a cluster's nodes take turns.</remarks>
    public async ValueTask ProbeAsync(CancellationToken cancellationToken)
    {
        var key = new PredictionKey(RandomNumberGenerator.GetBytes(PredictionKey.Size));
        await WaitAsync(Ready(cancellationToken).StringSetAsync(_keys.Claim(key), _owner, ProbeLifetime, When.Always), cancellationToken);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    // Of the primary: a replica may not have heard of a purge yet.
    private Task<RedisValue> ReadEpochAsync(IDatabase database, string scope) => database.StringGetAsync(_keys.Epoch(scope), CommandFlags.DemandMaster);

    // What is no number is nobody's epoch, and goes.
    private async Task<RedisValue> BeginEpochAsync(IDatabase database, string scope, long epoch, When when)
    {
        // One trip: they go out one behind the other on the same connection.
        Task set = database.StringSetAsync(_keys.Epoch(scope), epoch, null, when);
        Task<RedisValue> read = ReadEpochAsync(database, scope);
        await Task.WhenAll(set, read);
        return await read;
    }

    // The client reads nothing at all as zero.
    private static bool IsEpoch(RedisValue value, out long epoch)
    {
        epoch = 0;
        return value.HasValue && value.TryParse(out epoch);
    }

    private IDatabase Ready(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _connection.Database;
    }

    // The client says no more than that it has no connection.
    private RedisConnectionException? Explain(Exception exception) =>
        exception is RedisConnectionException { FailureType: ConnectionFailureType.UnableToResolvePhysicalConnection } && _connection.Failure is { } reason
            ? new RedisConnectionException(ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, $"Redis cannot be reached: {reason}")
            : null;

    private async Task<TResult> WaitAsync<TResult>(Task<TResult> pending, CancellationToken cancellationToken)
    {
        try
        {
            return await pending.WaitAsync(cancellationToken);
        }
        catch (RedisConnectionException exception) when (Explain(exception) is { } explained)
        {
            throw explained;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // How it ends interests nobody any more, not as an unobserved exception either.
            _ = pending.ContinueWith(static left => _ = left.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    // A value that comes when its caller has left.
    private static void GiveBack(Task<Lease<byte>?>? pending) => pending?.ContinueWith(
        static late =>
        {
            if (late.IsCompletedSuccessfully)
            {
                late.Result?.Dispose();
            }
            else
            {
                _ = late.Exception;
            }
        },
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}
