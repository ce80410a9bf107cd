namespace ModelGateway.Benchmarks.Suite;

/// <summary>The two ways to serve a model that are held against each other, as its <c>model.yaml</c>.</summary>
internal static class BatchingSettings
{
    /// <summary>The gateway decides.</summary>
    public const string Automatic = "batching: auto\n";

    /// <summary>Every request runs alone.</summary>
    public const string Off = "batching: off\n";
}
