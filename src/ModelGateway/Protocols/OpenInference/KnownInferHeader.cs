using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>The JSON in front of binary tensors, as it was read and found to fit the model.</summary>
/// <param name="Json">Its bytes.</param>
/// <param name="Inputs">All of them, each with its size.</param>
internal sealed record KnownInferHeader(byte[] Json, BinaryInput[] Inputs)
{
    private readonly Int128 _total = Inputs.Aggregate(Int128.Zero, static (sum, input) => sum + input.Size!.Value);

    /// <summary>In the caller's order; null for all.</summary>
    public IReadOnlyList<RequestedOutput>? Outputs { get; init; }

    /// <summary>Those of the graph that they are parts of.</summary>
    public IReadOnlyList<string>? GraphOutputs { get; init; }

    /// <summary>How an output is answered that does not say so itself.</summary>
    public bool IsBinaryByDefault { get; init; }

    /// <summary>The parameter <c>timeout</c>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Makes the request of what follows the JSON; false where that has another length than the header says, and then nothing was done.</summary>
    /// <param name="bytes">What follows.</param>
    /// <param name="request">A new request.</param>
    /// <param name="faults">Told where bytes are no values.</param>
    /// <param name="faulty">The inputs that were, or null.</param>
    public bool TryRead(ReadOnlyMemory<byte> bytes, InferRequest request, FaultList faults, out IReadOnlySet<string>? faulty)
    {
        faulty = null;
        if (_total != bytes.Length)
        {
            return false;
        }

        (request.Outputs, request.IsBinaryByDefault) = (Outputs, IsBinaryByDefault);
        (request.Prediction.Outputs, request.Prediction.Timeout) = (GraphOutputs, Timeout);
        faulty = BinaryInputs.Take(Inputs, bytes, request, faults);
        return true;
    }
}
