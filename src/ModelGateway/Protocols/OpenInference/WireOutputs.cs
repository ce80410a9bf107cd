using System.Runtime.CompilerServices;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// A model's outputs as the protocol shows them. It knows tensors only, so what is none is taken apart:
/// </summary>
/// <remarks>
/// <code>
/// graph's output           outputs on the wire
/// tensor        scores     scores
/// maps          scores     scores         the values, [rows, labels] ([labels] for a single map)
///                          scores.labels  the labels, BYTES or INT64 [labels]
/// sequence      parts      parts          listed and asked for by this name, with the shape [-1] of an unknown rank;
///                          parts.0 ...    answered as one tensor an element, since their number is known only after the run
/// </code>
/// A name that is taken by another output gets underscores: <c>scores.labels_</c>, <c>parts_.0</c>.
/// </remarks>
internal sealed class WireOutputs
{
    // A signature lives as long as its version; so do these.
    private static readonly ConditionalWeakTable<ModelSignature, WireOutputs> Known = [];

    private WireOutputs(ModelSignature signature) =>
        All = [.. signature.Outputs.SelectMany(output => TakeApart(output, signature))];

    /// <summary>In the graph's order.</summary>
    public IReadOnlyList<WireOutput> All { get; }

    public static WireOutputs Of(ModelSignature signature) => Known.GetValue(signature, static key => new WireOutputs(key));

    private static IEnumerable<WireOutput> TakeApart(OutputSpec output, ModelSignature signature)
    {
        TensorSpec values = output.Values;
        if (output.Kind == OutputKind.TensorSequence)
        {
            yield return new WireOutput(output.Name, output, WirePart.Elements, values.Type, null) { ElementPrefix = PrefixOf(output.Name, signature) };
            yield break;
        }

        yield return new WireOutput(output.Name, output, WirePart.Values, values.Type, values.Dimensions);
        if (output.IsMap)
        {
            yield return new WireOutput(LabelsOf(output.Name, signature), output, WirePart.Labels, output.LabelType ?? TensorType.Bytes, [-1]);
        }
    }

    private static string LabelsOf(string name, ModelSignature signature)
    {
        string labels = name + ".labels";
        while (signature.IndexOfOutput(labels) >= 0)
        {
            labels += "_";
        }

        return labels;
    }

    private static string PrefixOf(string name, ModelSignature signature)
    {
        while (signature.Outputs.Any(other => IsElement(other.Name, name + ".")))
        {
            name += "_";
        }

        return name + ".";
    }

    private static bool IsElement(string name, string prefix) =>
        name.Length > prefix.Length && name.StartsWith(prefix, StringComparison.Ordinal) && name.AsSpan(prefix.Length).IndexOfAnyExceptInRange('0', '9') < 0;
}
