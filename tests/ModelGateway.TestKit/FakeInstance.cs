using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.TestKit;

/// <summary>An instance without ONNX Runtime, for faults and races: what a run does is given by the test.</summary>
public sealed class FakeInstance : IModelInstance
{
    private int _running;

    /// <summary>What a run does; by default it answers nothing.</summary>
    public Func<IReadOnlyList<NamedTensor>, CancellationToken, IReadOnlyList<OutputValue>> OnRun { get; set; } = static (_, _) => [];

    /// <inheritdoc/>
    public ModelSignature Signature { get; set; } = new([], []);

    /// <inheritdoc/>
    public ModelMetadata Metadata { get; } = new("fake", "", new Dictionary<string, string>(), new Dictionary<string, long>());

    /// <inheritdoc/>
    public long MemoryEstimate { get; set; } = 1;

    /// <summary>Disposed while a run was in flight: the fault that handles are counted for.</summary>
    public bool DisposedDuringRun { get; private set; }

    /// <summary>Whether it was disposed.</summary>
    public bool IsDisposed { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<OutputValue> Run(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Interlocked.Increment(ref _running);
        try
        {
            return OnRun(inputs, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposedDuringRun |= Volatile.Read(ref _running) > 0;
        IsDisposed = true;
    }
}
