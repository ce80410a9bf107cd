using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>What the readers of one request's JSON share.</summary>
internal sealed class InferReading(JsonText text, ModelSignature signature, InferRequest request, FaultList faults)
{
    private readonly List<string> _taken = [];

    // Made when there is one: few requests are at fault.
    private HashSet<string>? _faulty;

    public JsonText Text { get; } = text;

    public ModelSignature Signature { get; } = signature;

    public InferRequest Request { get; } = request;

    public FaultList Faults { get; } = faults;

    /// <summary>Inputs that were reported and need not be reported as missing or misshapen too.</summary>
    public IReadOnlySet<string>? Faulty => _faulty;

    /// <summary>Inputs without JSON data, in the caller's order: their data is expected after the JSON.</summary>
    public List<BinaryInput> Binary { get; } = [];

    /// <summary>There are as many faults as an answer holds: reading on would only cost time.</summary>
    public bool IsFull => Faults.IsFull;

    /// <summary>False for an input of the model that was given before.</summary>
    public bool TryTake(string input)
    {
        if (_taken.Contains(input))
        {
            return false;
        }

        _taken.Add(input);
        return true;
    }

    public void MarkFaulty(string input) => (_faulty ??= new(StringComparer.Ordinal)).Add(input);

    public void MarkAllFaulty() => _faulty = [.. Signature.Inputs.Select(input => input.Name)];

    /// <summary>The string under the reader; false for every other kind of value and for text that is no Unicode.</summary>
    public bool TryReadText(in Utf8JsonReader reader, out JsonName value)
    {
        value = default;
        return reader.TokenType == JsonTokenType.String && !Text.IsBareToken(reader, out _) && JsonName.TryRead(reader, out value);
    }

    /// <summary>What the value under the reader is, for a message.</summary>
    public string KindOf(in Utf8JsonReader reader) => JsonKinds.Of(reader, Text);

    /// <summary>A whole number of 0 or more under the reader.</summary>
    public static bool TryReadCount(in Utf8JsonReader reader, out long count)
    {
        count = 0;
        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out count) && count >= 0;
    }
}
