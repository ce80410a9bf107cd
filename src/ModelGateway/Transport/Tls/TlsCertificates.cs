using System.Net.Security;
using Microsoft.Extensions.Options;
using Prometheus;

namespace ModelGateway.Transport.Tls;

/// <summary>The certificate in force, followed while the server runs: a new one is taken for the next connection, a faulty one is told and the old one stays.</summary>
/// <remarks>Handshakes read <c>_material</c>; only the timer writes it, one tick at a time.</remarks>
internal sealed partial class TlsCertificates : IDisposable
{
    private readonly TlsOptions _options;
    private readonly TlsFiles _files;
    private readonly TimeProvider _time;
    private readonly ILogger<TlsCertificates> _logger;
    private readonly Gauge _expiry;
    private readonly Counter _reloads;
    private readonly System.Threading.ITimer _timer;
    private volatile TlsMaterial _material;
    private int _isLooking;
    private string? _told;

    /// <exception cref="OptionsValidationException">The files are faulty.</exception>
    public TlsCertificates(IOptions<GatewayOptions> options, IHostEnvironment environment, CollectorRegistry registry, TimeProvider time, ILogger<TlsCertificates> logger)
    {
        _options = options.Value.Tls;
        _files = new TlsFiles(_options, environment.ContentRootPath);
        _time = time;
        _logger = logger;
        MetricFactory metrics = Metrics.WithCustomRegistry(registry);
        _expiry = metrics.CreateGauge("modelgateway_tls_certificate_expiry_timestamp_seconds", "When the server's certificate ends; Unix time.");
        _reloads = metrics.CreateCounter("modelgateway_tls_certificate_reloads_total", "New files of the certificate, by what became of them: success, failed (the old one stays).", ["outcome"]);
        _reloads.WithLabels("success");
        _reloads.WithLabels("failed");
        var faults = new List<string>();
        _files.Read(time.GetUtcNow(), null, out TlsMaterial? material, faults);
        _material = material ?? throw new OptionsValidationException(Options.DefaultName, typeof(GatewayOptions), faults);
        _expiry.Set(material.ExpiresAt.ToUnixTimeSeconds());
        _timer = time.CreateTimer(static self => ((TlsCertificates)self!).Look(), this, _options.ReloadInterval, _options.ReloadInterval);
    }

    /// <summary>Gives a handshake what is in force now.</summary>
    public void Apply(SslServerAuthenticationOptions handshake)
    {
        TlsMaterial material = _material;

        // Kestrel's own choice goes first where it is there, and knows no intermediate certificates.
        handshake.ServerCertificateSelectionCallback = null;
        handshake.ServerCertificate = null;
        handshake.ServerCertificateContext = material.Context;
        handshake.CertificateChainPolicy = material.ClientPolicy();
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>Looks at the files, and takes what they hold if it is new and without fault.</summary>
    internal void Look()
    {
        if (Interlocked.Exchange(ref _isLooking, 1) == 1)
        {
            return;
        }

        try
        {
            var faults = new List<string>();
            string? fingerprint = _files.Read(_time.GetUtcNow(), _material.Fingerprint, out TlsMaterial? material, faults);
            if (material is not null)
            {
                _material = material;
                _told = null;
                _expiry.Set(material.ExpiresAt.ToUnixTimeSeconds());
                _reloads.WithLabels("success").Inc();
                Log.Renewed(_logger, material.ExpiresAt);
            }
            else if (faults.Count > 0)
            {
                Tell(fingerprint, string.Join(" ", faults));
            }
            else if (fingerprint is not null)
            {
                _told = null;
            }
        }
        finally
        {
            Volatile.Write(ref _isLooking, 0);
        }
    }

    // Once for the same files: half-written ones and those whose time has not come are looked at again all the same.
    private void Tell(string? fingerprint, string reason)
    {
        string what = $"{fingerprint} {reason}";
        if (what != _told)
        {
            _told = what;
            _reloads.WithLabels("failed").Inc();
            Log.Refused(_logger, reason);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.CertificateRenewed, Level = LogLevel.Information, Message = "A new TLS certificate is in force; it ends on {ExpiresAt:O}")]
        public static partial void Renewed(ILogger logger, DateTimeOffset expiresAt);

        [LoggerMessage(EventId = EventIds.CertificateRefused, Level = LogLevel.Error, Message = "The new TLS certificate is not taken, the old one stays in force: {Reason}")]
        public static partial void Refused(ILogger logger, string reason);
    }
}
