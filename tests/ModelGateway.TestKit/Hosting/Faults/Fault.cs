namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>What goes wrong with one request that passes a <see cref="FaultProxy"/>. Immutable: one may be used for many requests.</summary>
public abstract record Fault
{
    /// <summary>Its name in <see cref="FaultProxy.FaultsInjected"/>.</summary>
    public string Kind => GetType().Name;

    /// <summary>
    /// Plays the exchange with this fault in it, and calls <see cref="FaultExchange.CountFault"/> once it takes effect, before the client can
    /// know: a body may be too short to be cut where it should be, and then passes whole.
    /// </summary>
    public abstract Task PlayAsync(FaultExchange exchange);
}
