namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>The connection is reset.</summary>
/// <param name="AfterBytes">
/// So many bytes of the body were sent; what the client has not read by then is lost, headers included, as with any reset (see
/// <see cref="Truncate"/> for an exact end). Null: the origin is not even asked and nothing is answered.
/// </param>
public sealed record Cut(long? AfterBytes = null) : Fault
{
    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        if (AfterBytes is { } limit)
        {
            await exchange.BeginAsync();
            if (await exchange.CopyBodyAsync(limit) < limit)
            {
                return;
            }
        }

        exchange.CountFault();
        exchange.Abort();
    }
}
