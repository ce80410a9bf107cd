using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit.Caching;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Shared predictions over a store that a test can hold up and fail, with a clock that only the test moves.</summary>
internal sealed class SharedHarness : IAsyncDisposable
{
    public static readonly DateTimeOffset Made = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public SharedHarness(SharedPredictionOptions? options = null, IPredictionStore? store = null)
    {
        Store = new MemoryPredictionStore(Time);
        Options = options ?? new SharedPredictionOptions();
        Metrics = new CacheMetrics(Prometheus.Metrics.NewCustomRegistry());
        Shared = new SharedPredictions(store ?? Store, Options, Metrics, Time, Log);
    }

    public ProbeTime Time { get; } = new();

    public MemoryPredictionStore Store { get; }

    public SharedPredictionOptions Options { get; }

    public CacheMetrics Metrics { get; }

    public LogLines<SharedPredictions> Log { get; } = new();

    public SharedPredictions Shared { get; }

    /// <summary>Waits for what happens in the background.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Xunit.Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, "It did not happen.");
            await Task.Delay(1);
        }
    }

    public double Requests(string operation, string outcome) => Metrics.StoreRequests.WithLabels(operation, outcome).Value;

    public double Values(string outcome) => Metrics.StoreValues.WithLabels(outcome).Value;

    public double Dropped(string reason) => Metrics.StoreWritesDropped.WithLabels(reason).Value;

    public double BreakerOpen(string calls) => Metrics.StoreBreakerOpen.WithLabels(calls).Value;

    public Task<SharedValue?> GetAsync(int key, CancellationToken cancellationToken = default) =>
        Shared.GetAsync(StoredPredictionTests.KeyOf(key), cancellationToken).AsTask();

    /// <summary>Puts a value into the queue; its payload is its number.</summary>
    public void Set(int key, int length = 4, TimeSpan? keepFor = null, bool isOneOfMany = false)
    {
        byte[] payload = new byte[length];
        BitConverter.TryWriteBytes(payload, key);
        Shared.Set(StoredPredictionTests.KeyOf(key), payload, Made, TimeSpan.FromMinutes(1), keepFor ?? TimeSpan.FromHours(1), isOneOfMany);
    }

    /// <summary>Has values written, and waits for it.</summary>
    public async Task SetAndWaitAsync(params int[] keys)
    {
        foreach (int key in keys)
        {
            Set(key);
        }

        await UntilAsync(() => keys.All(key => Store.Peek(StoredPredictionTests.KeyOf(key)) is not null));
    }

    /// <summary>Fails reads until the breaker opens.</summary>
    public async Task OpenAsync()
    {
        Store.Failure ??= new TimeoutException("redis.internal:6379,password=secret");
        for (int i = 0; i < Options.BreakerFailures; i++)
        {
            Xunit.Assert.Null(await GetAsync(i));
        }

        Xunit.Assert.False(Shared.IsAvailable);
    }

    /// <summary>The store is well from now on; waits for the probe that is due after so long, and for what it leads to.</summary>
    public async Task RecoverAsync(TimeSpan after)
    {
        int recoveries = Recoveries();
        Store.Failure = null;
        Store.OnCall = null;
        Time.Advance(after);
        await UntilAsync(() => Recoveries() > recoveries);

        int Recoveries() => Log.All.Count(line => line.Contains("is used again", StringComparison.Ordinal));
    }

    public async ValueTask DisposeAsync()
    {
        Store.Release();
        await Shared.DisposeAsync();
    }

    /// <summary>Remembers the pauses that were begun, so that a test moves the clock only when somebody waits for it.</summary>
    internal sealed class ProbeTime() : FakeTimeProvider(Made)
    {
        private readonly ConcurrentQueue<TimeSpan> _pauses = [];

        public IReadOnlyCollection<TimeSpan> Pauses => _pauses;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer timer = base.CreateTimer(callback, state, dueTime, period);
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                _pauses.Enqueue(dueTime);
            }

            return timer;
        }
    }
}
