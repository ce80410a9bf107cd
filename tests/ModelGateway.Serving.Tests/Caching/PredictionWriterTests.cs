using System.Collections.Concurrent;
using System.Text;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Writes in the background: bounded, in order for a key, several at a time.</summary>
public class PredictionWriterTests
{
    [Fact]
    public async Task Set_StoreHangs_SendsSeveralAtOnceAndDropsWhatDoesNotFit()
    {
        await using var harness = new SharedHarness(new SharedPredictionOptions { ParallelWrites = 2, WriteQueueLength = 3 });
        harness.Store.Hold();

        // The first of each lane is under way and waits no more.
        (int first, int second) = (0, OtherLane(0, 2));
        harness.Set(first);
        harness.Set(second);
        await SharedHarness.UntilAsync(() => harness.Store.Calls("set") == 2 && harness.Metrics.StoreQueuedWrites.Value == 0);
        for (int i = 100; i < 110; i++)
        {
            harness.Set(i);
        }

        Assert.Equal(7, harness.Dropped("queue_full"));
        Assert.Equal((3, 12), (harness.Metrics.StoreQueuedWrites.Value, harness.Metrics.StoreQueuedBytes.Value));
        harness.Store.Release();
        await SharedHarness.UntilAsync(() => harness.Store.Count == 5);
        Assert.Equal((0, 0), (harness.Metrics.StoreQueuedWrites.Value, harness.Metrics.StoreQueuedBytes.Value));
    }

    [Fact]
    public async Task Set_MoreBytesThanMayWait_Drops()
    {
        await using var harness = new SharedHarness(new SharedPredictionOptions { ParallelWrites = 1, WriteQueueBytes = 1000 });
        harness.Store.Hold();
        harness.Set(1);
        await SharedHarness.UntilAsync(() => harness.Store.Calls("set") == 1 && harness.Metrics.StoreQueuedWrites.Value == 0);
        harness.Set(2, 900);
        harness.Set(3, 101);
        Assert.Equal(1, harness.Dropped("queue_full"));
        harness.Set(4, 100);
        Assert.Equal(1000, harness.Metrics.StoreQueuedBytes.Value);
        harness.Store.Release();
        await SharedHarness.UntilAsync(() => harness.Store.Count == 3);
        harness.Set(5, 1000);
        await SharedHarness.UntilAsync(() => harness.Store.Count == 4);
    }

    [Fact]
    public async Task Set_OneOfMany_LeavesHalfOfTheQueueToOthers()
    {
        await using var harness = new SharedHarness(new SharedPredictionOptions { ParallelWrites = 1, WriteQueueLength = 6, WriteQueueBytes = 1000 });
        harness.Store.Hold();
        harness.Set(1);
        await SharedHarness.UntilAsync(() => harness.Store.Calls("set") == 1 && harness.Metrics.StoreQueuedWrites.Value == 0);
        for (int i = 100; i < 110; i++)
        {
            harness.Set(i, isOneOfMany: true);
        }

        Assert.Equal((3, 7), (harness.Metrics.StoreQueuedWrites.Value, harness.Dropped("queue_full")));
        harness.Set(2);
        harness.Set(3);
        harness.Set(4);
        Assert.Equal((6, 7), (harness.Metrics.StoreQueuedWrites.Value, harness.Dropped("queue_full")));
        harness.Store.Release();
        await SharedHarness.UntilAsync(() => harness.Store.Count == 7);
        harness.Set(5, 501, isOneOfMany: true);
        Assert.Equal(8, harness.Dropped("queue_full"));
    }

    [Fact]
    public async Task Set_TooLarge_IsDropped()
    {
        await using var harness = new SharedHarness(new SharedPredictionOptions { MaxValueBytes = 1000, Compress = false });
        harness.Store.MaxValueBytes = 10_000;
        harness.Set(1, 1001);
        Assert.Equal(1, harness.Dropped("too_large"));
        await harness.SetAndWaitAsync(2);
    }

    [Fact]
    public async Task Set_LargerThanTheStoreTakes_IsDroppedUnlessItCompresses()
    {
        var store = new MemoryPredictionStore { MaxValueBytes = 1000 };
        await using var plain = new SharedHarness(new SharedPredictionOptions { Compress = false }, store);
        plain.Set(1, 4000);
        await SharedHarness.UntilAsync(() => plain.Dropped("too_large") == 1);
        Assert.Equal(0, store.Calls("set"));

        await using var compressed = new SharedHarness(store: store.Connect());
        Assert.Equal(8 << 20, compressed.Store.MaxValueBytes);
        compressed.Set(1, 4000);
        await SharedHarness.UntilAsync(() => store.Count == 1);
        Assert.Equal(4000, (await plain.GetAsync(1))?.Payload.Length);
    }

    [Fact]
    public async Task Set_ThenReleaseOfTheSameKey_HappenInOrder()
    {
        await using var harness = new SharedHarness();
        var order = new ConcurrentQueue<string>();
        harness.Store.OnCall = async (operation, _) =>
        {
            order.Enqueue(operation + " begins");
            await Task.Yield();
            order.Enqueue(operation + " ends");
        };
        harness.Set(1);
        harness.Shared.ReleaseClaim(StoredPredictionTests.KeyOf(1));
        await SharedHarness.UntilAsync(() => order.Count == 4);
        Assert.Equal(["set begins", "set ends", "release begins", "release ends"], order);
    }

    [Fact]
    public async Task Set_StoreHangsForEver_TheLaneGoesOnAfterTheTimeout()
    {
        await using var harness = new SharedHarness(new SharedPredictionOptions { ParallelWrites = 1 });
        harness.Store.ObeysCancellation = false;
        harness.Store.Hold();
        harness.Set(1);
        await SharedHarness.UntilAsync(() => harness.Store.Calls("set") == 1);
        harness.Set(2);
        harness.Time.Advance(TimeSpan.FromSeconds(1));
        await SharedHarness.UntilAsync(() => harness.Store.Calls("set") == 2);
        Assert.Equal(1, harness.Requests("set", "timeout"));

        // What comes late is what was sent, although the lane has written something else since.
        harness.Store.Release();
        await SharedHarness.UntilAsync(() => harness.Store.Count == 2);
        Assert.Equal(BitConverter.GetBytes(1), (await harness.GetAsync(1))?.Payload);
        Assert.Equal(BitConverter.GetBytes(2), (await harness.GetAsync(2))?.Payload);
    }

    [Fact]
    public async Task Set_ManyTogether_ExpireNotTogetherNorLate()
    {
        await using var harness = new SharedHarness();
        int[] keys = [.. Enumerable.Range(0, 50)];
        await harness.SetAndWaitAsync(keys);
        DateTimeOffset[] expiries = [.. keys.Select(key => harness.Store.ExpiryOf(StoredPredictionTests.KeyOf(key))!.Value)];
        Assert.All(expiries, expiry => Assert.InRange(expiry - SharedHarness.Made, TimeSpan.FromMinutes(54), TimeSpan.FromMinutes(60)));
        Assert.True(expiries.Distinct().Count() > 25);
    }

    [Fact]
    public async Task Set_LifetimeBelowASecond_IsKeptForOne()
    {
        await using var harness = new SharedHarness();
        harness.Set(1, keepFor: TimeSpan.FromMilliseconds(5));
        await SharedHarness.UntilAsync(() => harness.Store.Count == 1);
        Assert.Equal(SharedHarness.Made.AddSeconds(1), harness.Store.ExpiryOf(StoredPredictionTests.KeyOf(1)));
    }

    [Fact]
    public async Task Set_Encrypted_StoreSeesNoPlainText()
    {
        using CacheEncryption keys = StoredPredictionTests.EncryptionOf("a", "a");
        await using var harness = new SharedHarness(new SharedPredictionOptions { Encryption = keys });
        byte[] payload = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a secret ", 300)));
        harness.Shared.Set(StoredPredictionTests.KeyOf(1), payload, SharedHarness.Made, TimeSpan.FromMinutes(1), TimeSpan.FromHours(1));
        await SharedHarness.UntilAsync(() => harness.Store.Count == 1);
        byte[] stored = harness.Store.Peek(StoredPredictionTests.KeyOf(1))!;
        Assert.Equal(-1, stored.AsSpan().IndexOf("secret"u8));
        Assert.True(stored.Length < 500);
        Assert.Equal(payload, (await harness.GetAsync(1))?.Payload);
    }

    [Fact]
    public async Task Set_WhileStopped_DropsAndEnds()
    {
        var harness = new SharedHarness(new SharedPredictionOptions { ParallelWrites = 1 });
        harness.Store.Hold();
        for (int i = 0; i < 10; i++)
        {
            harness.Set(i);
        }

        await harness.Shared.DisposeAsync();
        Assert.Equal(0, harness.Store.Count);
        Assert.Equal(0, harness.Metrics.StoreQueuedWrites.Value);
    }

    private static int OtherLane(int key, int lanes)
    {
        return Enumerable.Range(key + 1, 100).First(other => Lane(other) != Lane(key));

        uint Lane(int number) => (uint)StoredPredictionTests.KeyOf(number).GetHashCode() % (uint)lanes;
    }
}
