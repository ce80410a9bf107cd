using System.Text;
using ModelGateway.Serving.Diagnostics;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Diagnostics;

/// <summary>Durations counted by core, and what Prometheus is given of them.</summary>
public sealed class CoreHistogramTests
{
    private static readonly double[] Bounds = [0.001, 0.01, 1];
    private readonly CoreCounters _counters = new(CoreHistogram.Size(Bounds.Length));
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly CoreHistogram _histogram;
    private readonly Histogram _shown;
    private readonly Histogram _plain;

    public CoreHistogramTests()
    {
        _histogram = new CoreHistogram(_counters, 0, Bounds);
        MetricFactory metrics = Metrics.WithCustomRegistry(_registry);
        var buckets = new HistogramConfiguration { Buckets = Bounds };
        _shown = metrics.CreateHistogram("shown_seconds", "", buckets);
        _plain = metrics.CreateHistogram("plain_seconds", "", buckets);
    }

    [Fact]
    public async Task Publish_DurationsOfAllSizes_IsWhatPrometheusItselfWouldCount()
    {
        var random = new Random(7);
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < 300; i++)
            {
                Observe(TimeSpan.FromTicks(random.NextInt64(30_000_000)));
                Observe(TimeSpan.FromTicks(random.NextInt64(30_000)));
            }

            _histogram.Publish(_shown);
            await AssertAlikeAsync();
        }
    }

    [Fact]
    public async Task Publish_DurationsOnTheBounds_BelongToTheBucketBelow()
    {
        foreach (long ticks in (long[])[0, 9_999, 10_000, 10_001, 100_000, 10_000_000, 10_000_001])
        {
            Observe(TimeSpan.FromTicks(ticks));
            _histogram.Publish(_shown);
            await AssertAlikeAsync();
        }
    }

    [Fact]
    public void Publish_TicksOfMoreThanIsCounted_StaysInTheBucketAndCatchesUp()
    {
        CoreCounters.Copy mine = _counters.Mine();
        _histogram.Observe(mine, TimeSpan.FromMilliseconds(1));

        // Another thread has added its ticks and not yet its count.
        mine.Add(1, TimeSpan.FromMilliseconds(1).Ticks);
        _histogram.Publish(_shown);
        Assert.Equal((1, 0.001), (_shown.Count, _shown.Sum));

        mine.Add(0, 1);
        _histogram.Publish(_shown);
        Assert.Equal(2, _shown.Count);
        Assert.Equal(0.002, _shown.Sum, 9);
    }

    [Fact]
    public void Total_FromManyThreads_LosesNothing()
    {
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                _histogram.Observe(_counters.Mine(), TimeSpan.FromTicks(3));
            }
        });

        Assert.Equal((160_000, 480_000), _histogram.Total);
        _histogram.Publish(_shown);
        Assert.Equal(160_000, _shown.Count);
    }

    private void Observe(TimeSpan duration)
    {
        _histogram.Observe(_counters.Mine(), duration);
        _plain.Observe(duration.TotalSeconds);
    }

    private async Task AssertAlikeAsync()
    {
        string[] lines = await ReadAsync();
        Assert.Equal(Buckets(lines, "plain"), Buckets(lines, "shown"));
        Assert.Equal(_plain.Sum, _shown.Sum, 6);
    }

    private static string[] Buckets(string[] lines, string name) =>
        [.. lines.Where(line => line.StartsWith($"{name}_seconds_bucket", StringComparison.Ordinal)).Select(line => line[name.Length..])];

    private async Task<string[]> ReadAsync()
    {
        using var text = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(text);
        return Encoding.UTF8.GetString(text.ToArray()).Split('\n');
    }
}
