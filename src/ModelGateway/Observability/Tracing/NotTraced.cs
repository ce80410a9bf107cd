namespace ModelGateway.Observability.Tracing;

/// <summary>Marks an endpoint that machines call all the time, such as probes: its requests are in no trace.</summary>
internal sealed record NotTraced
{
    public static NotTraced Instance { get; } = new();
}
