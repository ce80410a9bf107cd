using System.Globalization;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Limits;
using Xunit;

namespace ModelGateway.Tests.Limits;

/// <summary>One bucket, and a table of them, over a clock that the test turns.</summary>
public sealed class BucketTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void TryTake_Empty_TellsWhenTheNextTokenComes()
    {
        var bucket = new TokenBucket(rate: 2, size: 3, _clock);

        Assert.Equal([2, 1, 0], [bucket.TryTake().Remaining, bucket.TryTake().Remaining, bucket.TryTake().Remaining]);
        Assert.Equal(new BucketLook(false, 0, TimeSpan.FromSeconds(0.5)), bucket.TryTake());

        _clock.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(new BucketLook(true, 0, TimeSpan.FromSeconds(1.5)), bucket.TryTake());
        Assert.False(bucket.TryTake().IsTaken);
    }

    [Fact]
    public void Tokens_LongIdle_AreNeverMoreThanTheSize()
    {
        var bucket = new TokenBucket(rate: 1000, size: 2, _clock);
        bucket.TryTake();

        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(2, bucket.Tokens);
        Assert.True(bucket.IsFull);
    }

    [Fact]
    public void Sweep_FullBucketsGoAndOthersStay()
    {
        BucketTable table = Table();
        for (int i = 0; i < 100; i++)
        {
            table.Find(Name(i))!.Bucket.TryTake();
        }

        _clock.Advance(TimeSpan.FromSeconds(60));
        table.Find(Name(7))!.Bucket.TryTake();
        table.Sweep();

        Assert.Equal(1, table.Count);
        Assert.Equal(4, table.Find(Name(7))!.Bucket.Tokens);
    }

    [Fact]
    public void Find_MoreCallersThanItHolds_StaysBoundedAndKeepsTheEmptiest()
    {
        BucketTable table = Table();
        for (int i = 0; i < 5; i++)
        {
            table.Find("greedy")!.Bucket.TryTake();
        }

        for (int i = 0; i < 3 * BucketTable.Capacity; i++)
        {
            table.Find(Name(i))!.Bucket.TryTake();
            Assert.True(table.Count <= BucketTable.Capacity);
        }

        Assert.False(table.Find("greedy")!.Bucket.TryTake().IsTaken);
    }

    private static string Name(int number) => number.ToString(CultureInfo.InvariantCulture);

    private BucketTable Table() => new("subject", [new SubjectRate { Rate = 1, Burst = 5 }], _clock);
}
