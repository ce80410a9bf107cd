using ModelGateway.Observability;

namespace ModelGateway.Protocols;

/// <summary>Refuses requests in front of routing, framed as all others are: with a request id, a line in the log, an error of the one shape.</summary>
internal sealed class EarlyRefusals : IDisposable
{
    private static readonly object Key = new();
    private readonly RequestFrame _frame;

    public EarlyRefusals(IServiceProvider services) => _frame = ActivatorUtilities.CreateInstance<RequestFrame>(services, (RequestDelegate)Write);

    /// <summary>Answers a request with a refusal, which <paramref name="write"/> writes.</summary>
    public Task RefuseAsync(HttpContext http, Func<HttpContext, Task> write)
    {
        http.Items[Key] = write;
        return _frame.InvokeAsync(http);
    }

    public void Dispose() => _frame.Dispose();

    private static Task Write(HttpContext http) => ((Func<HttpContext, Task>)http.Items[Key]!)(http);
}
