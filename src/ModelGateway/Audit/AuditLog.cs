using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Prometheus;

namespace ModelGateway.Audit;

/// <summary>The stream of audit lines. Whoever records does not wait; what cannot be written is kept and tried again, and what is lost is counted and told.</summary>
/// <remarks>
/// Not a logger: those drop lines without a word when their sink fails, and follow levels. One thread writes. It opens the file for every
/// batch, so that one which was renamed is begun anew. Refusals take at most half of the places: whoever sends bad tokens by the thousand
/// takes none from those who manage.
/// </remarks>
internal sealed partial class AuditLog : BackgroundService
{
    private const int LargestBatch = 256;
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    // Every line that is lost is counted; the log is told of them together.
    private static readonly TimeSpan TellInterval = TimeSpan.FromSeconds(10);
    private static readonly AuditJson Lines = new(new JsonSerializerOptions(AuditJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    private readonly Channel<AuditEvent> _waiting;
    private readonly AuditOptions _options;
    private readonly string? _file;
    private readonly TimeProvider _time;
    private readonly Counter.Child _written;
    private readonly Counter.Child _lost;
    private readonly ILogger<AuditLog> _logger;
    private readonly Lock _telling = new();
    private int _waitingRefusals;
    private bool _isFailing;
    private int _untold;
    private long _toldAt;

    public AuditLog(IOptions<GatewayOptions> options, IHostEnvironment environment, CollectorRegistry registry, TimeProvider time, ILogger<AuditLog> logger)
    {
        _options = options.Value.Audit;
        _time = time;
        _logger = logger;
        _file = FileOf(_options, environment);
        IsOn = IsEnabled(_options, environment);
        _waiting = Channel.CreateBounded<AuditEvent>(new BoundedChannelOptions(_options.BufferedEvents) { SingleReader = true });
        Counter events = Metrics.WithCustomRegistry(registry).CreateCounter("modelgateway_audit_events_total", "Audit lines, by what became of them: written, lost.", ["outcome"]);
        _written = events.WithLabels("written");
        _lost = events.WithLabels("lost");
    }

    /// <summary>Whether anything is recorded with these options.</summary>
    public static bool IsEnabled(AuditOptions options, IHostEnvironment environment) => options.Enabled ?? !environment.IsDevelopment();

    /// <summary>The file with its path; null for standard output.</summary>
    public static string? FileOf(AuditOptions options, IHostEnvironment environment) =>
        string.IsNullOrWhiteSpace(options.File) ? null : Path.Combine(environment.ContentRootPath, options.File);

    /// <summary>Opens the file for one batch; it is made where it is not there.</summary>
    public static FileStream Open(string file)
    {
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        }

        return new FileStream(file, options);
    }

    /// <summary>Whether anything is recorded.</summary>
    public bool IsOn { get; }

    /// <summary>Whether refusals are recorded.</summary>
    public bool TakesRefusals => IsOn && _options.Refusals;

    /// <summary>The time for an event; UTC.</summary>
    public DateTime Now => _time.GetUtcNow().UtcDateTime;

    /// <summary>Records an event; does not wait until it is written.</summary>
    public void Record(AuditEvent happened)
    {
        if (IsOn && !TryKeep(happened))
        {
            Lose(1);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        await base.StopAsync(cancellationToken);
        Tell(atOnce: true);
    }

    // Ends when the channel is complete and empty; the token only ends the waiting for a file that cannot be written.
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not on the thread that starts the host.
        await Task.Yield();
        var batch = new List<AuditEvent>();
        while (await _waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (batch.Count < LargestBatch && _waiting.Reader.TryRead(out AuditEvent? next))
            {
                batch.Add(next);
                if (next.Outcome == AuditEvent.Refused)
                {
                    Interlocked.Decrement(ref _waitingRefusals);
                }
            }

            await WriteAsync(batch, stoppingToken);
            batch.Clear();
        }
    }

    private bool TryKeep(AuditEvent happened)
    {
        if (happened.Outcome != AuditEvent.Refused)
        {
            return _waiting.Writer.TryWrite(happened);
        }

        if (Interlocked.Increment(ref _waitingRefusals) <= _options.BufferedEvents / 2 && _waiting.Writer.TryWrite(happened))
        {
            return true;
        }

        Interlocked.Decrement(ref _waitingRefusals);
        return false;
    }

    private async Task WriteAsync(List<AuditEvent> batch, CancellationToken stopping)
    {
        var text = new StringBuilder();
        batch.ForEach(happened => text.Append(JsonSerializer.Serialize(happened, Lines.AuditEvent)).Append('\n'));
        byte[] lines = Encoding.UTF8.GetBytes(text.ToString());
        while (!TryWrite(lines))
        {
            try
            {
                await Task.Delay(RetryInterval, _time, stopping);
            }
            catch (OperationCanceledException)
            {
                Lose(batch.Count);
                return;
            }
        }

        _written.Inc(batch.Count);
    }

    private bool TryWrite(byte[] lines)
    {
        try
        {
            Write(lines);
            _isFailing = false;
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                Log.Unwritable(_logger, exception.Message);
            }

            _isFailing = true;
            return false;
        }
    }

    // Whole lines in one call: what else writes to standard output cannot come between.
    private void Write(byte[] lines)
    {
        if (_file is null)
        {
            Console.Out.Write(Encoding.UTF8.GetString(lines));
            Console.Out.Flush();
            return;
        }

        using FileStream file = Open(_file);
        long before = file.CanSeek ? file.Length : 0;
        try
        {
            file.Write(lines);
            file.Flush(flushToDisk: true);
        }
        catch (IOException) when (file.CanSeek)
        {
            // A full disk takes a part of the lines; they are tried again whole.
            CutBack(file, before);
            throw;
        }
    }

    private static void CutBack(FileStream file, long length)
    {
        try
        {
            file.SetLength(length);
        }
        catch (IOException)
        {
            // Devices have no length. What is told is why the lines cannot be written.
        }
    }

    private void Lose(int count)
    {
        _lost.Inc(count);
        Interlocked.Add(ref _untold, count);
        Tell(atOnce: false);
    }

    private void Tell(bool atOnce)
    {
        lock (_telling)
        {
            if (_untold == 0 || (!atOnce && _toldAt != 0 && _time.GetElapsedTime(_toldAt) < TellInterval))
            {
                return;
            }

            _toldAt = _time.GetTimestamp();
            Log.Lost(_logger, Interlocked.Exchange(ref _untold, 0));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.AuditUnwritable, Level = LogLevel.Error, Message = "Audit lines cannot be written now and are kept: {Reason}")]
        public static partial void Unwritable(ILogger logger, string reason);

        [LoggerMessage(EventId = EventIds.AuditLost, Level = LogLevel.Error, Message = "Audit lines are lost, because too many wait or the server stops: {Count}")]
        public static partial void Lost(ILogger logger, int count);
    }
}
