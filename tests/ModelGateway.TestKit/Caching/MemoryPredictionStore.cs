using System.Buffers;
using System.Collections.Concurrent;
using ModelGateway.Serving.Caching;

namespace ModelGateway.TestKit.Caching;

/// <summary>
/// A store in memory, for faults and races: a test can hold its calls up, fail them, count them, and look at what is kept.
/// <see cref="Connect"/> gives another gateway's connection to the same data.
/// </summary>
public sealed class MemoryPredictionStore : IPredictionStore
{
    private readonly Data _data;
    private readonly ConcurrentDictionary<string, int> _calls = new(StringComparer.Ordinal);
    private Action<string?>? _changed;
    private TaskCompletionSource? _gate;
    private int _handedOut;
    private int _outstanding;

    /// <summary>An empty store; lifetimes are measured by <paramref name="time"/>.</summary>
    public MemoryPredictionStore(TimeProvider? time = null)
        : this(new Data(time ?? TimeProvider.System))
    {
    }

    private MemoryPredictionStore(Data data)
    {
        _data = data;
        data.Connections.Add(this);
    }

    /// <inheritdoc/>
    public string Name { get; set; } = "memory";

    /// <inheritdoc/>
    public int MaxValueBytes { get; set; } = 8 << 20;

    /// <summary>What every call throws, after <see cref="Hold"/> let it go; null for none.</summary>
    public Exception? Failure { get; set; }

    /// <summary>
    /// Runs at the start of each call with its name: <c>get</c>, <c>get_many</c>, <c>set</c>, <c>claim</c>, <c>release</c>, <c>epochs</c>, <c>set_epoch</c>,
    /// <c>probe</c>. It may throw and take as long as it likes.
    /// </summary>
    public Func<string, CancellationToken, ValueTask>? OnCall { get; set; }

    /// <summary>Whether calls that are held up end when they are cancelled; a client that does not care for cancellation has false.</summary>
    public bool ObeysCancellation { get; set; } = true;

    /// <summary>Of which scopes the epochs are not to be had, as where one of several servers is away; null for none.</summary>
    public Func<string, bool>? IsAway { get; set; }

    /// <summary>Values that were handed out.</summary>
    public int HandedOut => Volatile.Read(ref _handedOut);

    /// <summary>Those of them that were not given back.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>The keys of all values that are kept.</summary>
    public IReadOnlyList<PredictionKey> Keys => [.. _data.Values.Keys];

    /// <summary>Whether it was disposed.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>How many values are kept, expired ones too.</summary>
    public int Count => _data.Values.Count;

    /// <summary>Another connection to the same data, with its own hooks and counts.</summary>
    public MemoryPredictionStore Connect() => new(_data);

    /// <summary>How often a call was begun; see <see cref="OnCall"/> for the names.</summary>
    public int Calls(string operation) => _calls.GetValueOrDefault(operation);

    /// <summary>Holds up every call from now on, until <see cref="Release"/>.</summary>
    public void Hold() => Interlocked.CompareExchange(ref _gate, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null);

    /// <summary>Lets go what is held up, and what comes.</summary>
    public void Release() => Interlocked.Exchange(ref _gate, null)?.SetResult();

    /// <summary>The bytes that are kept, or null.</summary>
    public byte[]? Peek(PredictionKey key) => _data.Values.TryGetValue(key, out (byte[] Value, DateTimeOffset Until) entry) ? entry.Value : null;

    /// <summary>When a value expires.</summary>
    public DateTimeOffset? ExpiryOf(PredictionKey key) => _data.Values.TryGetValue(key, out (byte[] Value, DateTimeOffset Until) entry) ? entry.Until : null;

    /// <summary>Keeps bytes as another writer would, whatever they are.</summary>
    public void Put(PredictionKey key, byte[] value) => _data.Values[key] = (value, DateTimeOffset.MaxValue);

    /// <summary>Forgets all values, claims and epochs, as a store does that is restarted.</summary>
    public void Clear()
    {
        _data.Values.Clear();
        _data.Epochs.Clear();
        lock (_data.Claims)
        {
            _data.Claims.Clear();
        }
    }

    /// <summary>Forgets the epochs alone, as a store does that is short of memory.</summary>
    public void ForgetEpochs() => _data.Epochs.Clear();

    /// <summary>Announces to this connection as the store would; null where announcements may have been missed.</summary>
    public void Announce(string? scope) => _changed?.Invoke(scope);

    /// <inheritdoc/>
    public async ValueTask<IMemoryOwner<byte>?> GetAsync(PredictionKey key, CancellationToken cancellationToken)
    {
        await BeginAsync("get", cancellationToken);
        return Find(key);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<IMemoryOwner<byte>?>> GetManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken)
    {
        await BeginAsync("get_many", cancellationToken);
        return [.. keys.Select(Find)];
    }

    /// <inheritdoc/>
    public async ValueTask SetAsync(PredictionKey key, ReadOnlyMemory<byte> value, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        await BeginAsync("set", cancellationToken);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, MaxValueBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(lifetime, TimeSpan.FromSeconds(1));
        _data.Values[key] = (value.ToArray(), _data.Time.GetUtcNow() + lifetime);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> TryClaimAsync(PredictionKey key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        await BeginAsync("claim", cancellationToken);
        lock (_data.Claims)
        {
            DateTimeOffset now = _data.Time.GetUtcNow();
            if (_data.Claims.TryGetValue(key, out DateTimeOffset until) && until > now)
            {
                return false;
            }

            _data.Claims[key] = now + lifetime;
            return true;
        }
    }

    /// <inheritdoc/>
    public async ValueTask ReleaseClaimAsync(PredictionKey key, CancellationToken cancellationToken)
    {
        await BeginAsync("release", cancellationToken);
        lock (_data.Claims)
        {
            _data.Claims.Remove(key);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<long?>> GetEpochsAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken)
    {
        await BeginAsync("epochs", cancellationToken);
        return [.. scopes.Select(scope => IsAway?.Invoke(scope) == true ? (long?)null : _data.Epochs.GetOrAdd(scope, ifAbsent))];
    }

    /// <inheritdoc/>
    public async ValueTask SetEpochAsync(string scope, long epoch, CancellationToken cancellationToken)
    {
        await BeginAsync("set_epoch", cancellationToken);
        _data.Epochs[scope] = epoch;
        foreach (MemoryPredictionStore connection in _data.Connections)
        {
            connection.Announce(scope);
        }
    }

    /// <inheritdoc/>
    public void OnEpochChanged(Action<string?> changed) => _changed = changed;

    /// <inheritdoc/>
    public async ValueTask ProbeAsync(CancellationToken cancellationToken) => await BeginAsync("probe", cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    // Completes at once where nothing holds it up, so that calls do too.
    private async ValueTask BeginAsync(string operation, CancellationToken cancellationToken)
    {
        _calls.AddOrUpdate(operation, 1, static (_, count) => count + 1);
        if (Volatile.Read(ref _gate) is { } gate)
        {
            await gate.Task.WaitAsync(ObeysCancellation ? cancellationToken : default);
        }

        if (OnCall is { } hook)
        {
            await hook(operation, cancellationToken);
        }

        if (Failure is { } failure)
        {
            throw failure;
        }
    }

    private Value? Find(PredictionKey key) =>
        _data.Values.TryGetValue(key, out (byte[] Value, DateTimeOffset Until) entry) && entry.Until > _data.Time.GetUtcNow() ? new Value(this, entry.Value) : null;

    private sealed class Data(TimeProvider time)
    {
        public TimeProvider Time { get; } = time;

        public ConcurrentBag<MemoryPredictionStore> Connections { get; } = [];

        public ConcurrentDictionary<PredictionKey, (byte[] Value, DateTimeOffset Until)> Values { get; } = new();

        public Dictionary<PredictionKey, DateTimeOffset> Claims { get; } = [];

        public ConcurrentDictionary<string, long> Epochs { get; } = new(StringComparer.Ordinal);
    }

    // Bytes of its own, wiped when given back: who reads on afterwards reads nonsense.
    private sealed class Value : IMemoryOwner<byte>
    {
        private readonly MemoryPredictionStore _store;
        private readonly byte[] _bytes;
        private bool _disposed;

        public Value(MemoryPredictionStore store, byte[] bytes)
        {
            _store = store;
            _bytes = [.. bytes];
            Interlocked.Increment(ref store._outstanding);
            Interlocked.Increment(ref store._handedOut);
        }

        public Memory<byte> Memory => _disposed ? throw new ObjectDisposedException(nameof(Value)) : _bytes;

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref _disposed, true))
            {
                Array.Fill(_bytes, (byte)0xEE);
                Interlocked.Decrement(ref _store._outstanding);
            }
        }
    }
}
