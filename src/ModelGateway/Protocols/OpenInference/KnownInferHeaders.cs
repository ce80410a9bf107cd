using System.IO.Hashing;
using System.Runtime.CompilerServices;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// What the JSON in front of binary tensors says, for the next request in which it is the same byte by byte: a client sends the same names and shapes again and
/// again, and only the numbers behind them change.
/// </summary>
/// <remarks>
/// One object a signature, shared by all requests. A place holds an immutable header or none, and the hash of the last one that was new there: a header
/// is kept when it comes twice in a row, so that those that never come again cost no memory. Threads that meet may forget one of two; what is found is
/// always compared whole. Measured by <c>suite tiny-binary</c>.
/// </remarks>
internal sealed class KnownInferHeaders
{
    /// <summary>Bytes of JSON that are kept at most.</summary>
    public const int LongestKept = 2048;

    private const int Places = 8;

    // A signature lives as long as its version; so do these.
    private static readonly ConditionalWeakTable<ModelSignature, KnownInferHeaders> Known = [];

    private readonly KnownInferHeader?[] _headers = new KnownInferHeader?[Places];
    private readonly ulong[] _candidates = new ulong[Places];

    public static KnownInferHeaders Of(ModelSignature signature) => Known.GetValue(signature, static _ => new KnownInferHeaders());

    /// <summary>The header with these bytes, or null.</summary>
    public KnownInferHeader? Find(ReadOnlySpan<byte> json) =>
        json.Length <= LongestKept && Volatile.Read(ref _headers[PlaceOf(HashOf(json))]) is { } header && json.SequenceEqual(header.Json) ? header : null;

    /// <summary>Keeps a header that was read without a fault, if it is the second one in a row with these bytes, all its inputs are binary and it names no id.</summary>
    /// <param name="json">Its bytes.</param>
    /// <param name="reading">What was read.</param>
    public void Keep(ReadOnlySpan<byte> json, InferReading reading)
    {
        InferRequest request = reading.Request;
        if (json.Length > LongestKept || request.Id is not null || request.Prediction.Inputs.Count > 0 || !reading.Faults.IsEmpty
            || reading.Binary.Exists(static input => input.Size is null || input.Input is null))
        {
            return;
        }

        ulong hash = HashOf(json);
        int place = PlaceOf(hash);
        if (Volatile.Read(ref _candidates[place]) != hash)
        {
            Volatile.Write(ref _candidates[place], hash);
            return;
        }

        Volatile.Write(ref _headers[place], new KnownInferHeader(json.ToArray(), [.. reading.Binary])
        {
            Outputs = request.Outputs,
            GraphOutputs = request.Prediction.Outputs,
            IsBinaryByDefault = request.IsBinaryByDefault,
            Timeout = request.Prediction.Timeout,
        });
    }

    private static ulong HashOf(ReadOnlySpan<byte> json) => XxHash3.HashToUInt64(json);

    private static int PlaceOf(ulong hash) => (int)(hash % Places);
}
