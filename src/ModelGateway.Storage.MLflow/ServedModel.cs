namespace ModelGateway.Storage.MLflow;

/// <summary>One version that is shown.</summary>
/// <param name="Number">As a number.</param>
/// <param name="Details">What the registry says of it.</param>
/// <param name="Files">Its files.</param>
internal sealed record ServedVersion(long Number, ModelVersion Details, IReadOnlyList<VersionFile> Files);

/// <summary>
/// One model that is shown. A version that nothing selects any more stays shown, and nothing more, until the next change: should its successor
/// fail to load, the gateway goes on with it.
/// </summary>
/// <param name="Selected">By selector, the version that it serves.</param>
/// <param name="Before">Versions that were selected before the last change.</param>
/// <param name="Config">The text <c>model.yaml</c>.</param>
internal sealed record ServedModel(IReadOnlyDictionary<VersionSelector, ServedVersion> Selected, IReadOnlyList<ServedVersion> Before, VersionFile Config)
{
    /// <summary>Every file.</summary>
    public IEnumerable<VersionFile> Files => Selected.Values.Concat(Before).DistinctBy(version => version.Number).SelectMany(version => version.Files).Append(Config);
}
