namespace ModelGateway.Serving.Runtime;

/// <summary>What an ONNX file says of itself besides its inputs and outputs.</summary>
/// <param name="Producer">The exporter, with its version where given.</param>
/// <param name="Description">The description in the file.</param>
/// <param name="Properties">The file's metadata properties.</param>
/// <param name="Opsets">Operator set by domain; the default domain is <c>ai.onnx</c>.</param>
public sealed record ModelMetadata(
    string Producer, string Description, IReadOnlyDictionary<string, string> Properties, IReadOnlyDictionary<string, long> Opsets)
{
    /// <summary>
    /// A node that gives other values on every run, for people, for example <c>RandomNormalLike 'noise'</c>; null where the same inputs are
    /// always answered alike.
    /// </summary>
    public string? NondeterministicNode { get; init; }
}
