namespace ModelGateway.Serving.Inference;

/// <summary>The stages inside the data plane.</summary>
/// <param name="Wait">From the call until an instance was free.</param>
/// <param name="Run">The run itself, with the copy of inputs and outputs.</param>
public readonly record struct PredictTimings(TimeSpan Wait, TimeSpan Run);
