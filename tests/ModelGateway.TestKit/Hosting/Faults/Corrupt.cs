namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>One byte of the body arrives changed; lengths and checksums in the headers are the origin's.</summary>
/// <param name="AtOffset">Its place in the body, from 0.</param>
/// <param name="Bits">Those that are flipped.</param>
public sealed record Corrupt(long AtOffset, byte Bits = 1) : Fault
{
    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        await exchange.BeginAsync();
        byte[] victim = new byte[1];
        if (await exchange.CopyBodyAsync(AtOffset) < AtOffset || await exchange.ReadBodyAsync(victim) == 0)
        {
            return;
        }

        victim[0] ^= Bits;
        exchange.CountFault();
        await exchange.WriteBodyAsync(victim);
        await exchange.CopyBodyAsync();
    }
}
