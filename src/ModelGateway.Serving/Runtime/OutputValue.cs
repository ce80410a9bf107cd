using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime;

/// <summary>One output of one run, in managed memory; it owns its tensors.</summary>
public sealed class OutputValue : IDisposable
{
    private readonly Tensor? _single;
    private IReadOnlyList<Tensor>? _tensors;

    private OutputValue(string name, OutputKind kind, Tensor? single, IReadOnlyList<Tensor>? tensors, Tensor? labels)
    {
        Name = name;
        Kind = kind;
        _single = single;
        _tensors = tensors;
        Labels = labels;
    }

    /// <summary>The output's name in the graph.</summary>
    public string Name { get; }

    /// <summary>Its form.</summary>
    public OutputKind Kind { get; }

    /// <summary>The elements of a tensor sequence; for every other kind exactly one tensor.</summary>
    // Of a single tensor a list is seldom asked for.
    public IReadOnlyList<Tensor> Tensors => _tensors ??= [_single!];

    /// <summary>
    /// The tensor; for maps the values: <c>[rows, labels]</c> for a sequence of maps, <c>[labels]</c> for one map.
    /// Where a row has no value for a label, floats hold NaN, integers 0 and strings nothing.
    /// </summary>
    public Tensor Values => _single ?? Tensors[0];

    /// <summary>For maps the labels, INT64 or BYTES, shape <c>[labels]</c>; null otherwise.</summary>
    public Tensor? Labels { get; }

    /// <summary>A tensor output.</summary>
    public static OutputValue FromTensor(string name, Tensor tensor) => new(name, OutputKind.Tensor, tensor, null, null);

    /// <summary>A sequence of tensors, possibly empty.</summary>
    public static OutputValue FromSequence(string name, IReadOnlyList<Tensor> tensors) => new(name, OutputKind.TensorSequence, null, tensors, null);

    /// <summary>A map or a sequence of maps.</summary>
    public static OutputValue FromMaps(string name, OutputKind kind, Tensor labels, Tensor values) => new(name, kind, values, null, labels);

    /// <summary>Gives the tensors back.</summary>
    public void Dispose()
    {
        Labels?.Dispose();
        _single?.Dispose();
        for (int i = 0; _single is null && i < Tensors.Count; i++)
        {
            Tensors[i].Dispose();
        }
    }
}
