namespace ModelGateway.Observability;

/// <summary>Marks an endpoint that says itself, in <c>Server-Timing</c>, how long its stages took.</summary>
internal sealed record TimedByStages
{
    public static TimedByStages Instance { get; } = new();
}
