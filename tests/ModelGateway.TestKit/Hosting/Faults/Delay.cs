namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>The request waits before it goes on to the origin.</summary>
/// <param name="Wait">Ends when the request may go on; the token, when it no longer matters.</param>
public sealed record Delay(Func<CancellationToken, Task> Wait) : Fault
{
    /// <summary>Until the test opens the gate.</summary>
    public Delay(Task gate)
        : this(gate.WaitAsync)
    {
    }

    /// <summary>So long by this clock.</summary>
    public Delay(TimeSpan duration, TimeProvider time)
        : this(cancellationToken => Task.Delay(duration, time, cancellationToken))
    {
    }

    /// <inheritdoc/>
    public override async Task PlayAsync(FaultExchange exchange)
    {
        exchange.CountFault();
        await Wait(exchange.Gone);
        await exchange.ForwardAsync();
    }
}
