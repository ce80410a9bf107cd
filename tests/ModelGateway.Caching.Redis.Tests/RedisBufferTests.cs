using System.Buffers;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Hosting;
using StackExchange.Redis;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

/// <summary>What the client rents for values.</summary>
public sealed class RedisBufferTests
{
    // A size that nothing else has.
    private const int Size = 123_457;

    [Fact]
    public async Task GetAsync_CallerLeft_GivesTheLateValueBack()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using var pool = new CountingPool();
        ConfigurationOptions options = RedisSettings.Create(new RedisCacheOptions { Configuration = server.Address });
        options.ResponseBufferPool = pool;
        var keys = new RedisKeys("test");
        await using var store = new RedisPredictionStore(new RedisConnection(options, keys.Epochs, NullLogger.Instance), keys);
        await store.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();
        await store.SetAsync(key, new byte[Size]);
        server.Pause();
        using (var leaving = new CancellationTokenSource())
        {
            Task[] calls =
            [
                .. Enumerable.Range(0, 5).Select(_ => store.GetAsync(key, leaving.Token).AsTask()),
                store.GetManyAsync([key, key, key], leaving.Token).AsTask(),
            ];
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(calls));
        }

        server.Resume();

        await StoreCalls.UntilAsync(() => Task.FromResult(pool.Rented == 8 && pool.Returned == 8), () => (pool.Rented, pool.Returned));
    }

    private sealed class CountingPool : MemoryPool<byte>
    {
        private int _rented;
        private int _returned;

        public int Rented => Volatile.Read(ref _rented);

        public int Returned => Volatile.Read(ref _returned);

        public override int MaxBufferSize => Shared.MaxBufferSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            if (minBufferSize != Size)
            {
                return Shared.Rent(minBufferSize);
            }

            Interlocked.Increment(ref _rented);
            return new Counted(this, Shared.Rent(minBufferSize));
        }

        protected override void Dispose(bool disposing)
        {
        }

        private sealed class Counted(CountingPool pool, IMemoryOwner<byte> inner) : IMemoryOwner<byte>
        {
            public Memory<byte> Memory => inner.Memory;

            public void Dispose()
            {
                Interlocked.Increment(ref pool._returned);
                inner.Dispose();
            }
        }
    }
}
