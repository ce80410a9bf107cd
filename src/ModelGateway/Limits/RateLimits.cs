using System.Globalization;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Protocols;
using ModelGateway.Serving.Diagnostics;
using Prometheus;

namespace ModelGateway.Limits;

/// <summary>Charges requests to their caller and their model, says so in headers, and refuses those for which nothing is left.</summary>
/// <remarks>The headers are those of draft-ietf-httpapi-ratelimit-headers-10: <c>RateLimit-Policy: "subject";q=20;w=2</c>, <c>RateLimit: "subject";r=19;t=1</c>.</remarks>
internal sealed class RateLimits : IDisposable
{
    public const string LimitHeader = "RateLimit";
    public const string PolicyHeader = "RateLimit-Policy";
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);
    private readonly BucketTable _subjects;
    private readonly BucketTable _models;
    private readonly Counter _refused;
    private readonly ServingMetrics _metrics;
    private readonly System.Threading.ITimer _timer;

    public RateLimits(IOptions<GatewayOptions> options, CollectorRegistry registry, ServingMetrics metrics, TimeProvider time)
    {
        RateLimitOptions limits = options.Value.RateLimits;
        _metrics = metrics;
        _subjects = new BucketTable("subject", limits.Subjects, time);
        _models = new BucketTable("model", limits.Models, time);
        _refused = Metrics.WithCustomRegistry(registry).CreateCounter(
            "modelgateway_rate_limited_requests_total", "Requests that were refused because their caller or their model had its share, by whose limit it was: subject, model.", ["limit"]);
        _refused.WithLabels(_subjects.Kind);
        _refused.WithLabels(_models.Kind);
        _timer = time.CreateTimer(static self => ((RateLimits)self!).Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <summary>Charges a request to its caller, unless that is done; null where it may go on, else what writes the refusal.</summary>
    public Func<HttpContext, Task>? ChargeSubject(HttpContext http, bool isPrediction)
    {
        if (http.Features.Get<Charge>() is not null)
        {
            return null;
        }

        http.Features.Set(new Charge());
        if (_subjects.Find(CallerIdentity.KeyOf(http)) is not { } limited)
        {
            return null;
        }

        return Take(http, _subjects, limited, isPrediction);
    }

    /// <summary>Charges a prediction to its model, unless that is done.</summary>
    public Func<HttpContext, Task>? ChargeModel(HttpContext http, string model)
    {
        Charge? charge = http.Features.Get<Charge>();
        if (charge is { IsModelCharged: true } || _models.Find(model) is not { } limited)
        {
            return null;
        }

        if (charge is not null)
        {
            charge.IsModelCharged = true;
        }

        // The caller's own token stays taken where this refuses: it would ask an exhausted model for nothing without end.
        return Take(http, _models, limited, isPrediction: true);
    }

    public void Dispose() => _timer.Dispose();

    private static string Seconds(TimeSpan wait) => Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    private void Sweep()
    {
        _subjects.Sweep();
        _models.Sweep();
    }

    private Func<HttpContext, Task>? Take(HttpContext http, BucketTable table, BucketTable.LimitedName limited, bool isPrediction)
    {
        BucketLook look = limited.Bucket.TryTake();
        string wait = Seconds(look.Wait);
        IHeaderDictionary headers = http.Response.Headers;
        headers.Append(PolicyHeader, limited.Rule.Policy);
        headers.Append(LimitHeader, string.Create(CultureInfo.InvariantCulture, $"\"{table.Kind}\";r={look.Remaining};t={wait}"));
        if (look.IsTaken)
        {
            return null;
        }

        _refused.WithLabels(table.Kind).Inc();
        if (isPrediction)
        {
            _metrics.CountUnrouted("rate_limited");
        }

        headers.RetryAfter = wait;
        string whose = ReferenceEquals(table, _subjects) ? "This caller may send" : "All callers together may ask of this model";
        string detail = string.Create(CultureInfo.InvariantCulture, $"{whose} {limited.Rule.Rate} requests a second in the long run, and {limited.Rule.Burst} at once. The next one is answered in {wait} s.");
        return http => Problems.WriteAsync(http, StatusCodes.Status429TooManyRequests, "Rate limited", detail);
    }

    /// <summary>What a request was charged; kept with it.</summary>
    private sealed class Charge
    {
        public bool IsModelCharged { get; set; }
    }
}
