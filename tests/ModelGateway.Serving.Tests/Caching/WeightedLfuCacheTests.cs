using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public sealed class WeightedLfuCacheTests
{
    private readonly WeightedLfuCache<int, string> _cache = new(1_000, seed: 1);

    [Fact]
    public void TryGet_Set_GivesTheValue()
    {
        Assert.True(_cache.Set(1, "one", 10));

        Assert.True(_cache.TryGet(1, out string? value));
        Assert.Equal("one", value);
        Assert.True(_cache.TryPeek(1, out value));
        Assert.Equal("one", value);
        Assert.Equal((1, 10L), (_cache.Count, _cache.Bytes));
    }

    [Fact]
    public void TryGet_NotSet_IsFalse()
    {
        Assert.False(_cache.TryGet(1, out string? value));
        Assert.Null(value);
        Assert.False(_cache.TryPeek(1, out value));
        Assert.Null(value);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(20)]
    [InlineData(125)]
    public void Set_Again_ReplacesValueAndWeight(long weight)
    {
        _cache.Set(1, "one", 20);
        _cache.Set(2, "two", 5);

        Assert.True(_cache.Set(1, "new", weight));

        Assert.True(_cache.TryGet(1, out string? value));
        Assert.Equal("new", value);
        Assert.Equal((2, weight + 5), (_cache.Count, _cache.Bytes));
    }

    [Fact]
    public void Set_HeavierThanAnEighth_IsRefused()
    {
        Assert.False(_cache.Set(1, "heavy", 126));
        Assert.True(_cache.Set(2, "fits", 125));

        Assert.False(_cache.TryGet(1, out _));
        Assert.Equal((1, 125L, 1L, 0L), (_cache.Count, _cache.Bytes, _cache.Refusals, _cache.Evictions));
    }

    [Fact]
    public void Set_ReplacementTooHeavy_TakesTheOldValueOut()
    {
        _cache.Set(1, "old", 10);

        Assert.False(_cache.Set(1, "heavy", 126));

        Assert.False(_cache.TryPeek(1, out _));
        Assert.Equal((0, 0L), (_cache.Count, _cache.Bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Set_WeightBelowOne_Throws(long weight) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => _cache.Set(1, "one", weight));

    [Fact]
    public void New_CapacityBelowOne_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightedLfuCache<int, string>(0));

    [Fact]
    public void Set_HeavierReplacementsInAFullCache_MakeRoomForThemselves()
    {
        for (int key = 0; key < 50; key++)
        {
            _cache.Set(key, "light", 20);
        }

        for (int key = 0; key < 50; key++)
        {
            bool there = _cache.TryPeek(key, out _);
            if (there)
            {
                _cache.Set(key, "heavy", 100);
                Assert.True(_cache.TryPeek(key, out string? value));
                Assert.Equal("heavy", value);
            }

            Assert.InRange(_cache.Bytes, 1, _cache.CapacityBytes);
        }

        Assert.InRange(_cache.Count, 5, 10);
    }

    [Fact]
    public void Set_FullOfWhatIsAskedForOften_RefusesWhatIsNot()
    {
        Fill(asked: 3);

        Assert.False(_cache.Set(100, "rare", 50));

        Assert.Equal(19, _cache.Count);
        Assert.All(Enumerable.Range(0, 19), key => Assert.True(_cache.TryPeek(key, out _)));
        Assert.Equal((1L, 0L), (_cache.Refusals, _cache.Evictions));
    }

    [Fact]
    public void Set_AskedForMoreOftenThanTheOldest_TakesItsPlace()
    {
        Fill(asked: 2);

        bool[] kept = [.. Enumerable.Range(0, 4).Select(_ => _cache.Set(100, "wanted", 50))];

        // Set once and asked for twice makes three: a fourth time is more.
        Assert.Equal([false, false, false, true], kept);
        Assert.False(_cache.TryPeek(0, out _));
        Assert.Equal((3L, 1L, 19), (_cache.Refusals, _cache.Evictions, _cache.Count));
    }

    [Fact]
    public void Set_HeavyAgainstSeveralLight_NeedsTheirFrequenciesTogether()
    {
        // Two have to go, asked for twice each: five times is more than both, four times is not.
        Fill(asked: 1);

        bool[] kept = [.. Enumerable.Range(0, 5).Select(_ => _cache.Set(100, "heavy", 100))];

        Assert.Equal([false, false, false, false, true], kept);
        Assert.Equal((2L, 18), (_cache.Evictions, _cache.Count));
    }

    [Fact]
    public void TryPeek_ManyTimes_DoesNotMakeAnEntryWanted()
    {
        Fill(asked: 0);
        for (int i = 0; i < 20; i++)
        {
            _cache.TryPeek(0, out _);
        }

        _cache.Set(100, "new", 50);
        _cache.Set(100, "new", 50);

        Assert.True(_cache.TryPeek(100, out _));
        Assert.False(_cache.TryPeek(0, out _));
    }

    [Fact]
    public void Remove_Key_TakesItOutOnce()
    {
        _cache.Set(1, "one", 10);
        _cache.Set(2, "two", 20);

        Assert.True(_cache.Remove(1));
        Assert.False(_cache.Remove(1));

        Assert.False(_cache.TryGet(1, out _));
        Assert.Equal((1, 20L, 0L), (_cache.Count, _cache.Bytes, _cache.Evictions));
    }

    [Fact]
    public void Remove_OtherValueThanThatOfTheKey_LeavesIt()
    {
        _cache.Set(1, "new", 10);

        Assert.False(_cache.Remove(1, "old"));
        Assert.True(_cache.TryPeek(1, out _));
        Assert.True(_cache.Remove(1, "new"));
        Assert.False(_cache.Remove(1, "new"));

        Assert.Equal((0, 0L), (_cache.Count, _cache.Bytes));
    }

    [Fact]
    public void RemoveWhere_SomeMatch_TakesThoseOut()
    {
        for (int key = 0; key < 20; key++)
        {
            _cache.Set(key, key % 3 == 0 ? "gone" : "stays", 10);
        }

        int removed = _cache.RemoveWhere((key, value) => value == "gone" && key > 0);

        Assert.Equal(6, removed);
        Assert.Equal((14, 140L), (_cache.Count, _cache.Bytes));
        Assert.True(_cache.TryPeek(0, out _));
        Assert.False(_cache.TryPeek(3, out _));
    }

    [Fact]
    public void Clear_Full_IsEmptyAndForgetsWhatWasWanted()
    {
        Fill(asked: 10);

        _cache.Clear();

        Assert.Equal((0, 0L), (_cache.Count, _cache.Bytes));
        Assert.False(_cache.TryGet(0, out _));
        Fill(asked: 0);
        _cache.Set(0, "was wanted before", 50);
        Assert.Equal(19, _cache.Count);
        _cache.Set(100, "new", 50);
        Assert.False(_cache.Set(101, "newer", 50));
    }

    [Fact]
    public void TryGet_EntriesThatLeftMeanwhile_AreNotBroughtBack()
    {
        // Their reads are still in the buffers when they leave.
        for (int key = 0; key < 10; key++)
        {
            _cache.Set(key, "old", 10);
            _cache.TryGet(key, out _);
            _cache.Set(key, "new", 20);
            _cache.TryGet(key, out _);
            _cache.Remove(key);
        }

        Assert.Equal((0, 0L), (_cache.Count, _cache.Bytes));
        _cache.Set(1, "one", 10);
        Assert.Equal((1, 10L), (_cache.Count, _cache.Bytes));
    }

    // 19 entries of 50 bytes are all that fits into the main space; each is heavier than the window.
    private void Fill(int asked)
    {
        for (int key = 0; key < 19; key++)
        {
            Assert.True(_cache.Set(key, "filling", 50));
        }

        for (int time = 0; time < asked; time++)
        {
            for (int key = 0; key < 19; key++)
            {
                Assert.True(_cache.TryGet(key, out _));
            }
        }
    }
}
