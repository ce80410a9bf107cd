namespace ModelGateway.Observability;

/// <summary>The request that the present flow of control belongs to, for what is called without being told: log lines, the description of models.</summary>
/// <remarks>
/// The framework's own accessor is set for every request before anything else; this one by <see cref="RequestFrame"/>, so that a request that
/// is answered from memory before it does not pay for it.
/// </remarks>
internal static class CurrentRequest
{
    private static readonly AsyncLocal<HttpContext?> Flow = new();

    /// <summary>The request; null outside of one.</summary>
    public static HttpContext? Http => Flow.Value;

    /// <summary>Begins a request's flow; it ends with the asynchronous method that calls this.</summary>
    public static void Begin(HttpContext http) => Flow.Value = http;
}
