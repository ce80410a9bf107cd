namespace ModelGateway.Serving.Scheduling;

/// <summary>What a model says about how its requests come to run.</summary>
/// <param name="Weight">Its share of the workers beside others, at least 1.</param>
/// <param name="QueueLength">Requests that may wait, at least 0.</param>
/// <param name="Batching">How those that wait are run together; null where each runs alone.</param>
public sealed record RunSettings(int Weight, int QueueLength, BatchRules? Batching);
