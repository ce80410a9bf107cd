namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>Nothing is answered until <see cref="FaultProxy.ReleaseHung"/>; then the request goes on to the origin.</summary>
public sealed record Hang : Fault
{
    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        exchange.CountFault();
        await exchange.WaitForReleaseAsync();
        await exchange.ForwardAsync();
    }
}
