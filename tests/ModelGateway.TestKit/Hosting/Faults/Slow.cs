namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>The body arrives in small pieces with a pause after each.</summary>
/// <param name="BytesPerChunk">At least 1.</param>
/// <param name="Pause">Ends when the next piece may be sent; the token, when it no longer matters.</param>
public sealed record Slow(int BytesPerChunk, Func<CancellationToken, Task> Pause) : Fault
{
    /// <summary>Pauses of so long by this clock.</summary>
    public Slow(int bytesPerChunk, TimeSpan pause, TimeProvider time)
        : this(bytesPerChunk, cancellationToken => Task.Delay(pause, time, cancellationToken))
    {
    }

    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        await exchange.BeginAsync();
        exchange.CountFault();
        while (await exchange.CopyBodyAsync(BytesPerChunk) == BytesPerChunk)
        {
            await Pause(exchange.Gone);
        }
    }
}
