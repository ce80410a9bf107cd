using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>
/// One prediction, free of any protocol. It owns its tensors: whoever made the request disposes it, after the response is written.
/// </summary>
public sealed class PredictRequest : IDisposable
{
    private readonly List<NamedTensor> _inputs = [];

    /// <summary>The inputs given, in the caller's order; each name at most once.</summary>
    public IReadOnlyList<NamedTensor> Inputs => _inputs;

    /// <summary>The outputs asked for, in the caller's order; null for all, in the graph's order.</summary>
    public IReadOnlyList<string>? Outputs { get; set; }

    /// <summary>How long the caller is willing to wait for queue and run together; null leaves it to the model's limit.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>Takes over <paramref name="tensor"/>.</summary>
    public void Add(string name, Tensor tensor) => _inputs.Add(new NamedTensor(name, tensor));

    /// <summary>Gives all tensors back.</summary>
    public void Dispose()
    {
        foreach (NamedTensor input in _inputs)
        {
            input.Tensor.Dispose();
        }

        _inputs.Clear();
    }
}
