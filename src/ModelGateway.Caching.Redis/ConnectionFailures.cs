using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace ModelGateway.Caching.Redis;

/// <summary>
/// Why there is no connection, picked from what the client writes to its log: its exceptions tell the first failure that it noticed, which is often that it called off
/// an attempt of its own. Nothing is written anywhere: the client's log also shows its settings.
/// </summary>
internal sealed class ConnectionFailures : ILoggerFactory, ILogger
{
    private volatile string? _reason;

    /// <summary>The last reason that says something; null when there is none.</summary>
    public string? Reason => _reason;

    /// <summary>What was is no reason any more.</summary>
    public void Forget() => _reason = null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (logLevel < LogLevel.Error || exception is null)
        {
            return;
        }

        Exception cause = exception.GetBaseException();
        bool saysNothing = cause == exception || cause is SocketException { SocketErrorCode: SocketError.OperationAborted };
        if (!saysNothing || _reason is null)
        {
            _reason = cause.Message;
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
