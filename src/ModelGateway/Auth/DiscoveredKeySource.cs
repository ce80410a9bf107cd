using System.Diagnostics.CodeAnalysis;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace ModelGateway.Auth;

/// <summary>The keys that an OIDC issuer publishes: read at start, at every interval, and when a token names a key that is not known yet.</summary>
/// <remarks>
/// <para>Not the ConfigurationManager of the identity library, for two reasons: it reads behind the request, so that the first token of a
/// new key is refused; and it goes on accepting withdrawn keys for an hour after it has seen that they are gone.</para>
/// <para><c>_current</c> is replaced as a whole, and <c>_failed</c> is of the last read; <c>_gate</c> guards the other fields. At most one
/// read is under way, and everybody who wants one waits for that. A read that fails changes nothing: what was read before stays in
/// force.</para>
/// </remarks>
internal sealed partial class DiscoveredKeySource(AuthOptions options, IDocumentRetriever documents, TimeProvider time, ILogger<DiscoveredKeySource> logger) : KeySource
{
    // While there are no keys at all every request fails, so the next try may come sooner.
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);

    private readonly string _address = $"{options.Authority!.TrimEnd('/')}/.well-known/openid-configuration";
    private readonly Lock _gate = new();
    private volatile TrustedKeys? _current;
    private volatile bool _failed;
    private Task _reading = Task.CompletedTask;
    private long? _lastAsked;

    public override TrustedKeys? Current => _current;

    public override async Task<bool> RefreshAsync(TrustedKeys? seen, CancellationToken cancellationToken)
    {
        if (!ReferenceEquals(seen, _current))
        {
            return true;
        }

        if (TryStartAsked() is { } reading)
        {
            await reading.WaitAsync(cancellationToken);
        }

        return !ReferenceEquals(seen, _current);
    }

    public override async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            // A token may have caused the first read already.
            Task reading = _current is null ? Start() : Task.CompletedTask;
            while (true)
            {
                await reading.WaitAsync(stopping);
                await Task.Delay(_failed ? Shorter(options.RefreshInterval, options.AutomaticRefreshInterval) : options.AutomaticRefreshInterval, time, stopping);
                reading = Start();
            }
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
    }

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;

    // Anyone can send a token with an unknown key: what such tokens cause is bounded, what the interval causes is not.
    private Task? TryStartAsked()
    {
        lock (_gate)
        {
            if (!_reading.IsCompleted)
            {
                return _reading;
            }

            TimeSpan pause = _current is null ? Shorter(FirstRetry, options.RefreshInterval) : options.RefreshInterval;
            if (_lastAsked is { } last && time.GetElapsedTime(last) < pause)
            {
                return null;
            }

            _lastAsked = time.GetTimestamp();
            return _reading = Task.Run(ReadAsync);
        }
    }

    private Task Start()
    {
        lock (_gate)
        {
            return _reading = _reading.IsCompleted ? Task.Run(ReadAsync) : _reading;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever an issuer answers must not end the refreshing; it is logged.")]
    private async Task ReadAsync()
    {
        try
        {
            // Not the caller's cancellation: others may be waiting for the same read. The retriever has a timeout.
            OpenIdConnectConfiguration document = await OpenIdConnectConfigurationRetriever.GetAsync(_address, documents, CancellationToken.None);
            TrustedKeys keys = PublishedKeys.Read(document, options);
            bool changed = _current is null || !_current.HasNamesOf(keys);
            _current = keys;
            _failed = false;
            if (changed)
            {
                Log.Read(logger, keys.Count, _address);
            }
        }
        catch (Exception exception)
        {
            _failed = true;
            Log.Unreadable(logger, _address, exception.GetBaseException().Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.IssuerKeysRead, Level = LogLevel.Information, Message = "Read {Count} signing keys from {Address}")]
        public static partial void Read(ILogger logger, int count, string address);

        [LoggerMessage(EventId = EventIds.IssuerKeysUnreadable, Level = LogLevel.Warning, Message = "The signing keys at {Address} cannot be read, those read before stay in force: {Reason}")]
        public static partial void Unreadable(ILogger logger, string address, string reason);
    }
}
