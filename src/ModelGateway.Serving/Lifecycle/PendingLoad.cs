namespace ModelGateway.Serving.Lifecycle;

/// <summary>A load that has not begun: it waits for memory. Touched under the manager's lock only.</summary>
/// <param name="Slot">Its model.</param>
/// <param name="Version">Its version.</param>
/// <param name="Bytes">What it will take up, by estimate.</param>
/// <param name="Cancellation">What calls it off.</param>
/// <param name="Run">Does it, on a loader thread.</param>
internal sealed record PendingLoad(ModelSlot Slot, VersionSlot Version, long Bytes, CancellationTokenSource Cancellation, Action Run);
