using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Observability.Tracing;
using OpenTelemetry;
using Prometheus;
using Xunit;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>A collector that is slow, or fails, holds nobody up, and no span goes uncounted.</summary>
public sealed class TraceExportTests
{
    private const int Spans = 6000;

    [Theory]
    [InlineData(true, "sent")]
    [InlineData(false, "failed")]
    public async Task Export_ToACollectorThatHangs_DropsWhatIsTooMuchAndCountsAll(bool succeeds, string outcome)
    {
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        using var exporter = new HangingExporter(succeeds);
        using var export = new TraceExport(exporter, "http://collector", registry, NullLogger<TraceExport>.Instance);

        // None of them waits, or this would never end: nothing is taken until the collector goes on.
        for (int i = 0; i < Spans; i++)
        {
            export.OnEnd(CreateSpan(ActivityTraceFlags.Recorded));
        }

        export.OnEnd(CreateSpan(ActivityTraceFlags.None));
        exporter.GoOn();
        Assert.True(export.Shutdown(60_000));

        int dropped = await ReadAsync(registry, "dropped");
        Assert.InRange(dropped, 1, Spans - 1);
        Assert.Equal(Spans - dropped, await ReadAsync(registry, outcome));
        Assert.Equal(Spans - dropped, exporter.Taken);
        export.OnEnd(CreateSpan(ActivityTraceFlags.Recorded));
        Assert.Equal(dropped + 1, await ReadAsync(registry, "dropped"));
    }

    private static Activity CreateSpan(ActivityTraceFlags flags) => new("span") { ActivityTraceFlags = flags };

    private static async Task<int> ReadAsync(CollectorRegistry registry, string outcome)
    {
        using var page = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(page);
        string series = $"modelgateway_trace_spans_total{{outcome=\"{outcome}\"}} ";
        return int.Parse(Encoding.UTF8.GetString(page.ToArray()).Split('\n').Single(line => line.StartsWith(series, StringComparison.Ordinal))[series.Length..], CultureInfo.InvariantCulture);
    }

    private sealed class HangingExporter(bool succeeds) : BaseExporter<Activity>
    {
        private readonly ManualResetEventSlim _mayGoOn = new();

        public int Taken { get; private set; }

        public void GoOn() => _mayGoOn.Set();

        public override ExportResult Export(in Batch<Activity> batch)
        {
            _mayGoOn.Wait();
            Taken += (int)batch.Count;
            return succeeds ? ExportResult.Success : ExportResult.Failure;
        }

        protected override void Dispose(bool disposing)
        {
            _mayGoOn.Dispose();
            base.Dispose(disposing);
        }
    }
}
