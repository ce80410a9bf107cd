using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

public sealed class FrequencySketchTests
{
    private readonly FrequencySketch _sketch = new(seed: 7);

    [Fact]
    public void Estimate_OfWhatWasNeverCounted_IsZero() => Assert.Equal(0, _sketch.Estimate(1));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 5)]
    [InlineData(15, 15)]
    [InlineData(40, FrequencySketch.MaxFrequency)]
    public void Estimate_OfOneKey_IsItsCountUpToTheMost(int times, int expected)
    {
        Count(1, times);

        Assert.Equal(expected, _sketch.Estimate(1));
    }

    [Fact]
    public void Estimate_ManyKeys_IsNeverTooLowAndSeldomTooHigh()
    {
        const int Keys = 10_000;
        _sketch.Fit(Keys);
        for (int key = 0; key < Keys; key++)
        {
            Count(key, key % 5);
        }

        int[] tooHigh = [.. Enumerable.Range(0, Keys).Select(key => _sketch.Estimate(key) - (key % 5))];

        Assert.DoesNotContain(tooHigh, difference => difference < 0);
        Assert.InRange(tooHigh.Count(difference => difference > 0), 0, Keys / 20);
    }

    [Fact]
    public void Increment_TenTimesTheEntries_HalvesAllCounts()
    {
        const int Entries = 1_000;
        _sketch.Fit(Entries);
        Count(-1, 8);
        for (int key = 0; key < (10 * Entries) - 9; key++)
        {
            _sketch.Increment(key % 3_000);
        }

        int before = _sketch.Estimate(-1);
        Count(1, 20);

        Assert.InRange(before, 8, 9);
        Assert.Equal(before / 2, _sketch.Estimate(-1));
    }

    [Fact]
    public void Fit_MoreEntries_GrowsAndKeepsWhatWasCounted()
    {
        for (int key = 0; key < 50; key++)
        {
            Count(key, key % 6);
        }

        int[] before = [.. Enumerable.Range(0, 50).Select(_sketch.Estimate)];
        _sketch.Fit(5_000);

        Assert.InRange(_sketch.Capacity, 5_000, 10_000);
        Assert.Equal(before, Enumerable.Range(0, 50).Select(_sketch.Estimate));
    }

    [Fact]
    public void Clear_Counted_ForgetsAllAndIsSmallAgain()
    {
        int small = _sketch.Capacity;
        _sketch.Fit(5_000);
        Count(1, 9);

        _sketch.Clear();

        Assert.Equal(0, _sketch.Estimate(1));
        Assert.Equal(small, _sketch.Capacity);
    }

    private void Count(int key, int times)
    {
        for (int i = 0; i < times; i++)
        {
            _sketch.Increment(key);
        }
    }
}
