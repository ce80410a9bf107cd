using System.Buffers;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>A request of the protocol, with what its answer depends on besides the prediction.</summary>
internal sealed class InferRequest : IProtocolRequest
{
    public PredictRequest Prediction { get; } = new();

    /// <summary>The caller's id as UTF-8, for the answer; null where none was given.</summary>
    public byte[]? Id { get; set; }

    /// <summary>In the caller's order; null for all.</summary>
    public IReadOnlyList<RequestedOutput>? Outputs { get; set; }

    /// <summary>How an output is answered that does not say so itself.</summary>
    public bool IsBinaryByDefault { get; set; }

    public PredictError? Write(PredictResponse response, Servable servable, HttpResponse to, IBufferWriter<byte> body) =>
        InferResponseWriter.Write(this, response, servable, to, body);

    public void Dispose() => Prediction.Dispose();
}

/// <summary>An output asked for by name.</summary>
/// <param name="Output">Which.</param>
/// <param name="IsBinary">Binary or JSON; null for the request's default.</param>
/// <param name="Classes">The classification extension's number of classes; 0 for the tensor itself.</param>
internal sealed record RequestedOutput(WireOutput Output, bool? IsBinary, int Classes);
