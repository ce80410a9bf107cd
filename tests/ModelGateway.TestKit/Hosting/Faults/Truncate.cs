namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>The body ends early, and the connection is closed in good order.</summary>
/// <param name="AtBytes">So many bytes arrive, all of them.</param>
/// <param name="Unseen">
/// The Content-Length says what arrives, so that the client sees nothing wrong; without it, it says what the origin said. A body of unknown
/// length that ends early for all to see ends with a reset: HTTP has no other way.
/// </param>
public sealed record Truncate(long AtBytes, bool Unseen = false) : Fault
{
    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        await exchange.BeginAsync();
        if (exchange.Response.ContentLength is { } length)
        {
            await PlayAsync(exchange, length);
        }
        else if (await exchange.CopyBodyAsync(AtBytes) == AtBytes)
        {
            exchange.CountFault();
            if (!Unseen)
            {
                exchange.Abort();
            }
        }
    }

    private async Task PlayAsync(FaultExchange exchange, long length)
    {
        if (length > AtBytes)
        {
            exchange.CountFault();
            if (Unseen)
            {
                exchange.Response.ContentLength = AtBytes;
            }
            else
            {
                exchange.Response.Headers.Connection = "close";
            }
        }

        await exchange.CopyBodyAsync(AtBytes);
    }
}
