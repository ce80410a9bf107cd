using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using OpenTelemetry;
using Prometheus;

namespace ModelGateway.Observability.Tracing;

/// <summary>
/// Takes the spans that ended and sends them to the collector in batches, from a thread of its own. A request never waits for it: beyond
/// <see cref="Capacity"/> spans are dropped, and what was sent, what failed and what was dropped is counted.
/// </summary>
/// <remarks>
/// In place of OpenTelemetry's own batch processor, which does not tell how many spans it dropped. Shared: the queue, and nothing else;
/// only the thread touches the exporter until it ended.
/// </remarks>
internal sealed partial class TraceExport : BaseExportProcessor<Activity>
{
    private const int Capacity = 4096;
    private const int LargestBatch = 512;

    // How long the first span of a batch waits for others.
    private static readonly TimeSpan Gathering = TimeSpan.FromSeconds(1);
    private readonly BlockingCollection<Activity> _queue = new(Capacity);
    private readonly Thread _thread;
    private readonly string _collector;
    private readonly ILogger _logger;
    private readonly Counter.Child _sent;
    private readonly Counter.Child _failed;
    private readonly Counter.Child _dropped;
    private volatile bool _isOver;
    private bool _isReported;

    public TraceExport(BaseExporter<Activity> exporter, string collector, CollectorRegistry registry, ILogger<TraceExport> logger)
        : base(exporter)
    {
        (_collector, _logger) = (collector, logger);
        Counter spans = Metrics.WithCustomRegistry(registry).CreateCounter(
            "modelgateway_trace_spans_total", "Spans of traces: sent to the collector, failed on the way, dropped because too many waited.", ["outcome"]);
        (_sent, _failed, _dropped) = (spans.WithLabels("sent"), spans.WithLabels("failed"), spans.WithLabels("dropped"));
        _thread = new Thread(Run) { IsBackground = true, Name = "Traces" };
        _thread.Start();
    }

    /// <inheritdoc/>
    protected override void OnExport(Activity data)
    {
        if (!data.Recorded)
        {
            return;
        }

        try
        {
            if (!_queue.TryAdd(data))
            {
                _dropped.Inc();
            }
        }
        catch (InvalidOperationException)
        {
            // Closed between two looks: the host stops.
            _dropped.Inc();
        }
    }

    /// <inheritdoc/>
    protected override bool OnShutdown(int timeoutMilliseconds)
    {
        _queue.CompleteAdding();
        bool isDone = _thread.Join(timeoutMilliseconds);
        _isOver = true;
        return base.OnShutdown(isDone ? timeoutMilliseconds : 0) && isDone;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Without a shutdown before, as where the host did not come to its start.
        if (disposing && !_queue.IsAddingCompleted)
        {
            _queue.CompleteAdding();
            _thread.Join();
        }

        base.Dispose(disposing);
    }

    private void Run()
    {
        // What the exporter does over HTTP makes no spans.
        using IDisposable quiet = SuppressInstrumentationScope.Begin();
        var batch = new Activity[LargestBatch];
        while (Gather(batch) is > 0 and int count)
        {
            if (_isOver)
            {
                _dropped.Inc(count);
                continue;
            }

            Report(count, Send(batch, count));
            Array.Clear(batch, 0, count);
        }
    }

    private int Gather(Activity[] batch)
    {
        if (!_queue.TryTake(out Activity? span, Timeout.Infinite))
        {
            return 0;
        }

        int count = 0;
        batch[count++] = span;
        for (long began = Stopwatch.GetTimestamp(); count < batch.Length;)
        {
            TimeSpan left = Gathering - Stopwatch.GetElapsedTime(began);
            if (!_queue.TryTake(out span, left > TimeSpan.Zero ? left : TimeSpan.Zero))
            {
                break;
            }

            batch[count++] = span;
        }

        return count;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Traces must not end the process, whatever an exporter throws; it is counted and logged.")]
    private bool Send(Activity[] batch, int count)
    {
        try
        {
            using var spans = new Batch<Activity>(batch, count);
            return exporter.Export(spans) == ExportResult.Success;
        }
        catch (Exception)
        {
            return false;
        }
    }

    private void Report(int count, bool isSent)
    {
        (isSent ? _sent : _failed).Inc(count);
        if (isSent == _isReported)
        {
            _isReported = !isSent;
            if (isSent)
            {
                Log.Sent(_logger, _collector);
            }
            else
            {
                Log.Failed(_logger, _collector);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.TracesNotSent, Level = LogLevel.Warning, Message = "Traces cannot be sent to {Collector}; they are lost until it takes them, predictions go on")]
        public static partial void Failed(ILogger logger, string collector);

        [LoggerMessage(EventId = EventIds.TracesSent, Level = LogLevel.Information, Message = "Traces are sent to {Collector} again")]
        public static partial void Sent(ILogger logger, string collector);
    }
}
