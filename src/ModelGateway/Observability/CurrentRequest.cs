using System.Diagnostics;

namespace ModelGateway.Observability;

/// <summary>The request that the present flow of control belongs to, for what is called without being told: log lines, the description of models.</summary>
/// <remarks>
/// The framework's own accessor is set for every request before anything else; this one by <see cref="RequestFrame"/>, so that a request that
/// is answered from memory before it does not pay for it. As there, what flows is a box that is emptied when the request ends: work that it left
/// behind must not take the next request of the connection for it.
/// </remarks>
internal sealed class CurrentRequest
{
    private static readonly AsyncLocal<CurrentRequest?> Flow = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private HttpContext? _http;

    private CurrentRequest(HttpContext http) => _http = http;

    /// <summary>The request; null outside of one, and after its end.</summary>
    public static HttpContext? Http => Flow.Value?._http;

    /// <summary>The time since it began.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    /// <summary>Begins a request's flow; it ends with the asynchronous method that calls this.</summary>
    public static CurrentRequest Begin(HttpContext http) => Flow.Value = new CurrentRequest(http);

    /// <summary>The request's own box; null outside of one.</summary>
    public static CurrentRequest? Of(HttpContext http) => Flow.Value is { } current && ReferenceEquals(current._http, http) ? current : null;

    /// <summary>Says on an answer that says nothing of its stages how long it took until now.</summary>
    public void SetTiming()
    {
        if (_http?.Response.Headers is { } headers && headers[ServerTiming.Header].Count == 0)
        {
            headers[ServerTiming.Header] = ServerTiming.Of(Elapsed);
        }
    }

    /// <summary>The request is over.</summary>
    public void End() => _http = null;
}
