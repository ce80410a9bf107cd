using System.Collections.Frozen;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Models;

/// <summary>The inputs and outputs of a model, in the graph's order.</summary>
public sealed class ModelSignature
{
    private readonly FrozenDictionary<string, int> _inputIndex;
    private readonly FrozenDictionary<string, int> _outputIndex;

    /// <summary>Names must be unique among the inputs and among the outputs.</summary>
    public ModelSignature(IReadOnlyList<TensorSpec> inputs, IReadOnlyList<OutputSpec> outputs)
    {
        Inputs = inputs;
        Outputs = outputs;
        _inputIndex = Index(inputs.Select(input => input.Name));
        _outputIndex = Index(outputs.Select(output => output.Name));
    }

    /// <summary>What a request may hold; inputs with <see cref="TensorSpec.Optional"/> may be left out.</summary>
    public IReadOnlyList<TensorSpec> Inputs { get; }

    /// <summary>What an answer holds unless the request names some of them.</summary>
    public IReadOnlyList<OutputSpec> Outputs { get; }

    /// <summary>The input's place in <see cref="Inputs"/>, or -1.</summary>
    public int IndexOfInput(string name) => _inputIndex.GetValueOrDefault(name, -1);

    /// <summary>The output's place in <see cref="Outputs"/>, or -1.</summary>
    public int IndexOfOutput(string name) => _outputIndex.GetValueOrDefault(name, -1);

    private static FrozenDictionary<string, int> Index(IEnumerable<string> names) =>
        names.Select((name, index) => KeyValuePair.Create(name, index)).ToFrozenDictionary(StringComparer.Ordinal);
}
