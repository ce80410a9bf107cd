using System.Collections.Concurrent;

namespace ModelGateway.Tests.Caching;

/// <summary>Several clients that ask one after the other without a pause, half of the time for one of a few numbers, else for one that nobody asked for before.</summary>
internal sealed class StoreLoad : IAsyncDisposable
{
    private const int Clients = 4;
    private const int Repeated = 50;

    // Whole numbers up to 2^24 are exact in an answer.
    private static long _unique = 1_000;
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private long _answered;

    private StoreLoad(StoreReplica replica, string model, long turns) =>
        _running = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => AskAsync(replica, model, turns, new Random(client)))));

    /// <summary>What was not answered, or wrongly.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>Right answers so far.</summary>
    public long Answered => Interlocked.Read(ref _answered);

    public static StoreLoad Start(StoreReplica replica, string model, long turns) => new(replica, model, turns);

    /// <summary>Ends when what was asked is answered.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task AskAsync(StoreReplica replica, string model, long turns, Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            long x = random.Next(2) == 0 ? random.Next(Repeated) : Interlocked.Increment(ref _unique);
            try
            {
                CachedAnswer answer = await replica.AskAsync(model, x);
                if (answer.Y == x + turns)
                {
                    Interlocked.Increment(ref _answered);
                }
                else
                {
                    _failures.Enqueue($"{x} was answered with {answer.Y}: {answer.CacheStatus}");
                }
            }
            catch (Exception exception)
            {
                _failures.Enqueue($"{x}: {exception.Message}");
            }
        }
    }
}
