namespace ModelGateway.Serving.Repository;

/// <summary>A version that a store knows of and shows no file of, for operators to see why it is not served.</summary>
/// <param name="Folder">Its model's folder. Where nothing of the model is listed, nobody is told: its name may be another repository's.</param>
/// <param name="Version">Its number.</param>
/// <param name="Reason">A sentence.</param>
public readonly record struct WaitingVersion(string Folder, long Version, string Reason);
