using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Models;

/// <summary>The forms in which an ONNX graph can answer.</summary>
public enum OutputKind
{
    /// <summary>A tensor.</summary>
    Tensor,

    /// <summary>A sequence of tensors (SplitToSequence and its kin).</summary>
    TensorSequence,

    /// <summary>One map from label to value.</summary>
    Map,

    /// <summary>A sequence of maps, one a row: what ZipMap of the scikit-learn and ML.NET exporters produces.</summary>
    MapSequence,
}

/// <summary>What a model says about one of its outputs.</summary>
/// <param name="Kind">The form of the output.</param>
/// <param name="Values">
/// The tensor itself; for a sequence of tensors one element; for maps the values as a tensor, <c>[rows, labels]</c>
/// (<c>[labels]</c> for a single map).
/// </param>
public sealed record OutputSpec(OutputKind Kind, TensorSpec Values)
{
    /// <summary>The output's name in the graph.</summary>
    public string Name => Values.Name;

    /// <summary>For maps, the type of the labels: INT64 or BYTES. Null otherwise.</summary>
    public TensorType? LabelType { get; init; }

    /// <summary>The output holds maps, so its labels travel beside its values.</summary>
    public bool IsMap => Kind is OutputKind.Map or OutputKind.MapSequence;
}
