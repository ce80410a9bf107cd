using Microsoft.Extensions.Logging;

namespace ModelGateway.Caching.Memcached;

/// <summary>One server and the connections to it, each opened anew in the background for as long as the node is not disposed.</summary>
internal sealed partial class MemcachedNode : IAsyncDisposable
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    private readonly MemcachedAddress _address;
    private readonly MemcachedDialer _dialer;
    private readonly int _maxValueBytes;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    // Not disposed: it has no timer, and may be cancelled twice.
    private readonly CancellationTokenSource _stop = new();
    private readonly MemcachedConnection?[] _connections;
    private readonly Task _kept;
    private Action? _returned;
    private uint _turn;
    private string _reason = "it is being connected to";
    private int _isAway;

    public MemcachedNode(MemcachedAddress address, MemcachedCacheOptions options, ILogger logger, TimeProvider time)
    {
        _address = address;
        _dialer = new MemcachedDialer(options);
        _maxValueBytes = options.MaxValueBytes;
        _logger = logger;
        _time = time;
        _connections = new MemcachedConnection?[options.Connections];
        _kept = Task.WhenAll(Enumerable.Range(0, options.Connections).Select(index => Task.Run(() => KeepAsync(index))));
    }

    /// <summary>Called, from any thread, when a connection is there again that was lost, or comes late: the server may be another one, or empty. Set before the first call.</summary>
    public void OnReturned(Action returned) => Volatile.Write(ref _returned, returned);

    /// <summary>Sends commands and takes over their buffer; their requests fail at once where there is no connection.</summary>
    public void Send(MemcachedCommands commands)
    {
        uint turn = Interlocked.Increment(ref _turn);
        for (uint index = 0; index < _connections.Length; index++)
        {
            if (Volatile.Read(ref _connections[(turn + index) % _connections.Length]) is { } connection)
            {
                connection.Send(commands);
                return;
            }
        }

        commands.Dispose();
        commands.Fail(() => new IOException($"Memcached at {_address} is not connected: {Volatile.Read(ref _reason)}"));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _kept;
    }

    private async Task KeepAsync(int index)
    {
        TimeSpan pause = ShortestPause;
        for (bool wasThere = false; !_stop.IsCancellationRequested;)
        {
            long begin = _time.GetTimestamp();
            try
            {
                Stream stream = await _dialer.ConnectAsync(_address, _stop.Token);
                using var connection = new MemcachedConnection(_address, stream, _maxValueBytes, _time);
                using CancellationTokenRegistration stop = _stop.Token.Register(connection.Dispose);
                Volatile.Write(ref _connections[index], connection);
                Return(wasThere);
                wasThere = true;
                await connection.RunAsync();
            }
            catch (Exception exception)
            {
                // Whatever it was, a loop that ended here would leave the server away for good.
                Volatile.Write(ref _connections[index], null);
                Lose(exception);
            }

            pause = _time.GetElapsedTime(begin) > 10 * LongestPause ? ShortestPause : TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Return(bool wasThere)
    {
        bool wasAway = Interlocked.Exchange(ref _isAway, 0) != 0;
        if (wasAway)
        {
            Log.Back(_logger, _address);
        }

        // Also the first time, where it was not there when it was asked before.
        if (wasThere || wasAway)
        {
            Volatile.Read(ref _returned)?.Invoke();
        }
    }

    private void Lose(Exception exception)
    {
        Volatile.Write(ref _reason, exception.Message);
        if (!_stop.IsCancellationRequested && Interlocked.Exchange(ref _isAway, 1) == 0)
        {
            Log.Away(_logger, _address, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.ServerAway, Level = LogLevel.Warning, Message = "Memcached at {Server} is away: {Reason}")]
        public static partial void Away(ILogger logger, MemcachedAddress server, string reason);

        [LoggerMessage(EventId = EventIds.ServerBack, Level = LogLevel.Information, Message = "Memcached at {Server} is back")]
        public static partial void Back(ILogger logger, MemcachedAddress server);
    }
}
