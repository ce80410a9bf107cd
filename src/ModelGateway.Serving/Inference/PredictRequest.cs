using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>
/// One prediction, free of any protocol. It owns its tensors: whoever made the request disposes it, after the response is written.
/// </summary>
/// <remarks>A run that goes on when its caller has left retains the request until it ends: <c>_holders</c> counts who still needs the tensors (Interlocked).</remarks>
public sealed class PredictRequest : IDisposable
{
    // Most models have one input.
    private readonly List<NamedTensor> _inputs = new(1);
    private int _holders = 1;
    private TensorBuffer? _body;

    /// <summary>The inputs given, in the caller's order; each name at most once.</summary>
    public IReadOnlyList<NamedTensor> Inputs => _inputs;

    /// <summary>The outputs asked for, in the caller's order; null for all, in the graph's order.</summary>
    public IReadOnlyList<string>? Outputs { get; set; }

    /// <summary>How long the caller is willing to wait for queue and run together; null leaves it to the model's limit.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>How the caller wants the cache used.</summary>
    public CacheDirectives Cache { get; set; } = CacheDirectives.None;

    /// <summary>Takes over <paramref name="tensor"/>.</summary>
    public void Add(string name, Tensor tensor) => _inputs.Add(new NamedTensor(name, tensor));

    /// <summary>Takes over what the request was read from, if any of its tensors is a view of it.</summary>
    /// <param name="body">As if disposed afterwards, unless no tensor needs it.</param>
    public void TakeOver(TensorBuffer body)
    {
        foreach (NamedTensor input in _inputs)
        {
            if (input.Tensor.IsView)
            {
                _body = body.Detach();
                return;
            }
        }
    }

    /// <summary>Keeps the tensors until one more <see cref="Dispose"/>.</summary>
    internal void Retain() => Interlocked.Increment(ref _holders);

    /// <summary>Gives all tensors back, once nobody needs them any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) != 0)
        {
            return;
        }

        foreach (NamedTensor input in _inputs)
        {
            input.Tensor.Dispose();
        }

        _inputs.Clear();
        _body?.Dispose();
        _body = null;
    }
}
