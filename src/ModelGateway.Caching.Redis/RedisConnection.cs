using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace ModelGateway.Caching.Redis;

/// <summary>
/// The one connection to Redis, made in the background and again whenever it is lost, and the subscription to what other gateways announce.
/// </summary>
/// <remarks>
/// The client reconnects by itself once there is a multiplexer. There is none until sentinels have named a primary or a host name is known, which may take any number
/// of attempts. Guarded by nothing: <see cref="_multiplexer"/> is written once, by the task that connects; its events come from any thread.
/// </remarks>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    private static readonly TimeSpan AttemptAgainAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(100);
    private readonly ConnectionFailures _failures = new();
    private readonly RedisChannel _announcements;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private volatile ConnectionMultiplexer? _multiplexer;
    private volatile Action<string?>? _changed;
    private int _isLost;
    private int _isClosed;

    public RedisConnection(ConfigurationOptions options, RedisChannel announcements, ILogger logger)
    {
        _announcements = announcements;
        _logger = logger;
        options.LoggerFactory = _failures;

        // Much of it is done before the client's first await.
        _ = Task.Run(() => ConnectAsync(options));
    }

    /// <summary>The database.</summary>
    /// <exception cref="RedisConnectionException">There has been no connection yet.</exception>
    public IDatabase Database => Multiplexer.GetDatabase();

    /// <summary>Announcements.</summary>
    /// <exception cref="RedisConnectionException">There has been no connection yet.</exception>
    public ISubscriber Subscriber => Multiplexer.GetSubscriber();

    private ConnectionMultiplexer Multiplexer => _multiplexer
        ?? throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, $"Redis is not connected yet: {_failures.Reason ?? "the first attempt is under way"}");

    /// <summary>Why there is no connection; null where there is one or nothing is known.</summary>
    public string? Failure => _failures.Reason;

    /// <summary>Has announced scopes handed over; null where some may have been missed.</summary>
    public void OnAnnounced(Action<string?> changed) => _changed = changed;

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0)
        {
            return;
        }

        // An attempt under way cannot be called off: it closes itself when it is over, and nobody waits for it.
        await _closing.CancelAsync();
        await CloseAsync(_multiplexer);
    }

    private static async Task CloseAsync(ConnectionMultiplexer? multiplexer)
    {
        if (multiplexer is not null)
        {
            // Commands under way are given up: a server that does not answer would keep a gateway from stopping. Disposing closes the connections to sentinels too.
            await multiplexer.CloseAsync(allowCommandsToComplete: false);
            await multiplexer.DisposeAsync();
        }
    }

    private async Task ConnectAsync(ConfigurationOptions options)
    {
        ConnectionMultiplexer? multiplexer = null;
        while (multiplexer is null && !_closing.IsCancellationRequested)
        {
            try
            {
                multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
            }
            catch (Exception exception)
            {
                // Whatever the client throws: no sentinel answers, no such host, a file of certificates that went away.
                NoteLoss(_failures.Reason ?? exception.Message);
                await Task.Delay(AttemptAgainAfter, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        _multiplexer = multiplexer;
        if (_closing.IsCancellationRequested)
        {
            await CloseAsync(multiplexer);
            return;
        }

        multiplexer!.ConnectionFailed += (_, lost) => NoteLoss(_failures.Reason ?? $"{lost.FailureType}");
        multiplexer.ConnectionRestored += (_, restored) => _ = ReturnAsync(multiplexer, $"{restored.EndPoint}");
        if (multiplexer.IsConnected)
        {
            _failures.Forget();
        }
        else
        {
            NoteLoss(_failures.Reason ?? "no server answers.");
        }

        await ListenAsync(multiplexer);
    }

    private async Task ListenAsync(ConnectionMultiplexer multiplexer)
    {
        // The client has a second connection for it, which comes later, and only an attempt on that shows whether this user may.
        ISubscriber subscriber = multiplexer.GetSubscriber();
        while (!subscriber.IsConnected(_announcements) && !_closing.IsCancellationRequested)
        {
            await Task.Delay(LookAgainAfter, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        try
        {
            await subscriber.SubscribeAsync(_announcements, (_, scope) => _changed?.Invoke(scope));
        }
        catch (RedisServerException exception)
        {
            Log.NotListening(_logger, exception.Message);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            // Lost again; the client subscribes by itself on the next connection.
        }

        _changed?.Invoke(null);
    }

    private async Task ReturnAsync(ConnectionMultiplexer multiplexer, string server)
    {
        _failures.Forget();
        if (Interlocked.Exchange(ref _isLost, 0) != 0)
        {
            Log.ConnectionRestored(_logger, server);
        }

        try
        {
            // On the connection that subscribes, so after the client's own subscribing.
            await multiplexer.GetSubscriber().PingAsync();
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            // Lost again; the next return says it again.
            return;
        }

        _changed?.Invoke(null);
    }

    // A lost server tells it by each of its connections, and by each attempt.
    private void NoteLoss(string reason)
    {
        if (!_closing.IsCancellationRequested && Interlocked.Exchange(ref _isLost, 1) == 0)
        {
            Log.ConnectionLost(_logger, reason);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.ConnectionLost, Level = LogLevel.Warning, Message = "Redis cannot be reached; predictions are not shared until it is back: {Reason}")]
        public static partial void ConnectionLost(ILogger logger, string reason);

        [LoggerMessage(EventId = EventIds.ConnectionRestored, Level = LogLevel.Information, Message = "Redis is back: {Server}")]
        public static partial void ConnectionRestored(ILogger logger, string server);

        [LoggerMessage(EventId = EventIds.NotListening, Level = LogLevel.Warning, Message = "Redis lets this user not subscribe, so purges by other gateways are seen a few seconds later: {Reason}")]
        public static partial void NotListening(ILogger logger, string reason);
    }
}
