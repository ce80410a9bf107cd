using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using ModelGateway.Serving.Diagnostics;
using Prometheus;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// Writes values to a store in the background, several at a time. What does not fit into its bounds is dropped and counted: it never keeps anybody waiting.
/// </summary>
/// <remarks>
/// Each lane is a queue with one reader, and a key always takes the same lane, so that what is done to a key happens in order: a claim is released
/// after the value was written that the others wait for. The bounds are counted for all lanes together, before an item enters one.
/// </remarks>
internal sealed class PredictionWriter : IAsyncDisposable
{
    private readonly StoreCalls _calls;
    private readonly SharedPredictionOptions _options;
    private readonly int _longestValue;
    private readonly (StoreBreaker Reads, StoreBreaker Writes) _breakers;
    private readonly (StoreOperation Set, StoreOperation Release) _operations;
    private readonly PayloadCompressor? _compressor;
    private readonly Gauge _queuedWrites;
    private readonly Gauge _queuedBytes;
    private readonly Counter _writtenBytes;
    private readonly (Counter.Child QueueFull, Counter.Child Unavailable, Counter.Child TooLarge, Counter.Child Failed) _dropped;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<Item>[] _lanes;
    private readonly Task[] _running;
    private long _waiting;
    private long _waitingBytes;

    /// <summary>Starts the lanes.</summary>
    /// <param name="calls">How the store is called.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="longestValue">The largest value, envelope and all, that the store takes; bytes.</param>
    /// <param name="breakers">While one of them is open nothing is written.</param>
    /// <param name="metrics">Where it counts.</param>
    public PredictionWriter(StoreCalls calls, SharedPredictionOptions options, int longestValue, (StoreBreaker Reads, StoreBreaker Writes) breakers, CacheMetrics metrics)
    {
        (_calls, _options, _longestValue, _breakers) = (calls, options, longestValue, breakers);
        _operations = (
            new StoreOperation(metrics, "set", options.BackgroundTimeout, breakers.Writes),
            new StoreOperation(metrics, "release", options.BackgroundTimeout, breakers.Writes));
        _compressor = options.Compress ? new PayloadCompressor() : null;
        (_queuedWrites, _queuedBytes, _writtenBytes) = (metrics.StoreQueuedWrites, metrics.StoreQueuedBytes, metrics.StoreWrittenBytes);
        Counter dropped = metrics.StoreWritesDropped;
        _dropped = (dropped.WithLabels("queue_full"), dropped.WithLabels("unavailable"), dropped.WithLabels("too_large"), dropped.WithLabels("failed"));
        _lanes = [.. Enumerable.Range(0, options.ParallelWrites).Select(_ => Channel.CreateUnbounded<Item>(new UnboundedChannelOptions { SingleReader = true }))];
        _running = [.. _lanes.Select(lane => Task.Run(() => RunAsync(lane.Reader)))];
    }

    private bool IsUnavailable => _breakers.Reads.IsOpen || _breakers.Writes.IsOpen;

    /// <summary>
    /// Puts a value into the queue; the payload must not change any more. Of those that come with many others it takes no more than fill half of it. False where it is dropped.
    /// </summary>
    public bool Set(PredictionKey key, ReadOnlyMemory<byte> payload, DateTimeOffset madeAt, TimeSpan freshFor, TimeSpan keepFor, bool isOneOfMany)
    {
        if (payload.Length > _options.MaxValueBytes)
        {
            _dropped.TooLarge.Inc();
        }
        else if (IsUnavailable)
        {
            _dropped.Unavailable.Inc();
        }
        else if (!TryEnter(new Item(key, payload, madeAt, freshFor, keepFor, false), isOneOfMany ? 2 : 1))
        {
            _dropped.QueueFull.Inc();
        }
        else
        {
            return true;
        }

        return false;
    }

    /// <summary>Releases a claim after what was put into the queue before. One that does not fit ends by its own lifetime.</summary>
    public void Release(PredictionKey key)
    {
        if (!IsUnavailable)
        {
            TryEnter(new Item(key, default, default, default, default, true), 1);
        }
    }

    /// <summary>Ends the call of each lane and drops what waits.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (Channel<Item> lane in _lanes)
        {
            lane.Writer.TryComplete();
        }

        await _stopping.CancelAsync();
        await Task.WhenAll(_running);
    }

    private bool TryEnter(in Item item, int share)
    {
        long waiting = Interlocked.Increment(ref _waiting);
        long bytes = Interlocked.Add(ref _waitingBytes, item.Payload.Length);
        if (waiting <= _options.WriteQueueLength / share && bytes <= _options.WriteQueueBytes / share && Lane(item.Key).Writer.TryWrite(item))
        {
            _queuedWrites.Inc();
            _queuedBytes.Inc(item.Payload.Length);
            return true;
        }

        Interlocked.Decrement(ref _waiting);
        Interlocked.Add(ref _waitingBytes, -item.Payload.Length);
        return false;
    }

    private Channel<Item> Lane(PredictionKey key) => _lanes[(uint)key.GetHashCode() % (uint)_lanes.Length];

    [SuppressMessage("Design", "CA1031", Justification = "One value that cannot be written must not end the writing of all others.")]
    private async Task RunAsync(ChannelReader<Item> lane)
    {
        await foreach (Item item in lane.ReadAllAsync())
        {
            Interlocked.Decrement(ref _waiting);
            Interlocked.Add(ref _waitingBytes, -item.Payload.Length);
            _queuedWrites.Dec();
            _queuedBytes.Dec(item.Payload.Length);
            if (_stopping.IsCancellationRequested || IsUnavailable)
            {
                _dropped.Unavailable.Inc(item.IsRelease ? 0 : 1);
                continue;
            }

            try
            {
                await (item.IsRelease ? ReleaseAsync(item.Key) : WriteAsync(item));
            }
            catch (OperationCanceledException)
            {
                // It is being disposed.
            }
            catch (Exception)
            {
                _dropped.Failed.Inc();
            }
        }
    }

    private async Task ReleaseAsync(PredictionKey key) =>
        await _calls.CallAsync(
            _operations.Release,
            key,
            static async (store, key, cancellationToken) =>
            {
                await store.ReleaseClaimAsync(key, cancellationToken);
                return true;
            },
            null,
            _stopping.Token);

    private async Task WriteAsync(Item item)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(StoredPrediction.LongestLength(item.Payload.Length, _options.Encryption));
        int length = StoredPrediction.Seal(item.Key, item.Payload.Span, item.MadeAt, item.FreshFor, _options.Encryption, _compressor, buffer);
        if (length > _longestValue)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            _dropped.TooLarge.Inc();
            return;
        }

        StoreAnswer<bool> answer = await _calls.CallAsync(
            _operations.Set, new Write(item.Key, buffer, length, Shorten(item.KeepFor)), static (store, write, cancellationToken) => write.SendAsync(store, cancellationToken), null, _stopping.Token);
        if (answer.Succeeded)
        {
            _writtenBytes.Inc(length);
        }
    }

    // Stores keep nothing for less than a second; how long it is fresh stands in the envelope.
    private TimeSpan Shorten(TimeSpan lifetime)
    {
        TimeSpan shortened = lifetime * (1 - (_options.LifetimeJitter * Random.Shared.NextDouble()));
        return shortened > TimeSpan.FromSeconds(1) ? shortened : TimeSpan.FromSeconds(1);
    }

    private readonly record struct Item(
        PredictionKey Key, ReadOnlyMemory<byte> Payload, DateTimeOffset MadeAt, TimeSpan FreshFor, TimeSpan KeepFor, bool IsRelease);

    private readonly record struct Write(PredictionKey Key, byte[] Buffer, int Length, TimeSpan Lifetime)
    {
        // The buffer goes back when the store's own call is over, which may be after its deadline.
        public async ValueTask<bool> SendAsync(IPredictionStore store, CancellationToken cancellationToken)
        {
            try
            {
                await store.SetAsync(Key, Buffer.AsMemory(0, Length), Lifetime, cancellationToken);
                return true;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(Buffer);
            }
        }
    }
}
