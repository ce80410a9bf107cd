using System.Text;

namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>The proxy answers in the origin's place.</summary>
/// <param name="Code">The HTTP status.</param>
/// <param name="Body">The body, if any.</param>
/// <param name="ContentType">The body's.</param>
public sealed record Status(int Code, string Body = "", string ContentType = "text/plain") : Fault
{
    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        exchange.CountFault();
        byte[] body = Encoding.UTF8.GetBytes(Body);
        exchange.Response.StatusCode = Code;
        if (body.Length > 0)
        {
            exchange.Response.ContentType = ContentType;
            exchange.Response.ContentLength = body.Length;
            await exchange.Response.Body.WriteAsync(body, exchange.Gone);
        }
    }
}
