using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Bodies;

/// <summary>A whole request body in pooled memory, any Content-Encoding undone. Dispose it after the last look at its bytes.</summary>
internal sealed class RequestBody(TensorBuffer buffer) : IDisposable
{
    public ReadOnlyMemory<byte> Memory => buffer.Memory;

    public void Dispose() => buffer.Dispose();
}
