using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>An input whose bytes are expected behind the JSON.</summary>
/// <param name="Input">The model's; null where the input is at fault already and only its size counts.</param>
/// <param name="Shape">As given, and found to fit.</param>
/// <param name="Size">As announced; null where it was left out.</param>
/// <param name="Suggestion">Whether a key was meant to be 'data', for the message that it is missing.</param>
internal readonly record struct BinaryInput(TensorSpec? Input, long[] Shape, long? Size, string Suggestion);

/// <summary>Shares the bytes behind the JSON out among the inputs that have no data in it.</summary>
internal static class BinaryInputs
{
    /// <param name="reading">The JSON that was read.</param>
    /// <param name="bytes">What follows it.</param>
    /// <param name="hasHeader">The request says where the JSON ends; without that nothing can follow it.</param>
    public static void Read(InferReading reading, ReadOnlyMemory<byte> bytes, bool hasHeader)
    {
        List<BinaryInput> inputs = reading.Binary;
        if (inputs.Count == 0 && !bytes.IsEmpty)
        {
            reading.Faults.Add(InferenceHeader.Name, $"{bytes.Length} bytes follow the JSON, but no input announces binary data.", "0 bytes", $"{bytes.Length} bytes");
            return;
        }

        // The size of the only one is known without being told.
        if (hasHeader && inputs is [{ Size: null } only])
        {
            inputs[0] = only with { Size = bytes.Length };
        }

        if (!CheckSizes(reading, hasHeader) || !CheckTotal(reading, bytes.Length))
        {
            return;
        }

        foreach (string faulty in Take(inputs, bytes, reading.Request, reading.Faults) ?? [])
        {
            reading.MarkFaulty(faulty);
        }
    }

    /// <summary>Gives the request its tensors, from bytes that are as many as the sizes say.</summary>
    /// <returns>The inputs whose bytes are no values, of which the faults tell; null for none.</returns>
    public static HashSet<string>? Take(IReadOnlyList<BinaryInput> inputs, ReadOnlyMemory<byte> bytes, InferRequest request, FaultList faults)
    {
        HashSet<string>? faulty = null;
        for (int i = 0; i < inputs.Count; i++)
        {
            BinaryInput binary = inputs[i];
            ReadOnlyMemory<byte> data = bytes[..(int)binary.Size!.Value];
            bytes = bytes[data.Length..];
            if (binary.Input is not { } input)
            {
                continue;
            }

            if (BinaryTensorReader.Read(input.Name, input.Type, binary.Shape, data, faults) is { } tensor)
            {
                request.Prediction.Add(input.Name, tensor);
            }
            else
            {
                (faulty ??= new(StringComparer.Ordinal)).Add(input.Name);
            }
        }

        return faulty;
    }

    private static bool CheckSizes(InferReading reading, bool hasHeader)
    {
        bool valid = true;
        foreach (BinaryInput binary in reading.Binary.Where(binary => !hasHeader || binary.Size is null))
        {
            valid = false;
            if (binary.Input is not { Name: string name })
            {
                continue;
            }

            reading.MarkFaulty(name);
            reading.Faults.Add(
                name,
                binary.Size is not null ? $"Input '{name}' has the parameter 'binary_data_size', but the request has no header {InferenceHeader.Name}, which says where the JSON ends."
                : hasHeader ? $"Input '{name}' has neither 'data' nor the parameter 'binary_data_size', which can be left out only where one input alone is binary.{binary.Suggestion}"
                : $"Input '{name}' has no 'data'.{binary.Suggestion}",
                binary.Size is null ? "data" : InferenceHeader.Name,
                "nothing");
        }

        // Where the bytes of one cannot be found, neither can those of the others.
        MarkFaulty(reading, unless: valid);
        return valid;
    }

    private static bool CheckTotal(InferReading reading, int length)
    {
        Int128 total = 0;
        foreach (BinaryInput binary in reading.Binary)
        {
            total += binary.Size!.Value;
        }

        bool valid = total == length;
        if (!valid)
        {
            string? only = reading.Binary is [{ Input.Name: string name }] ? name : null;
            reading.Faults.Add(
                only ?? InferenceHeader.Name,
                $"{(only is null ? "The inputs announce" : $"Input '{only}' announces")} {total} bytes of binary data, but {length} follow the JSON.",
                $"{total} bytes",
                $"{length} bytes");
        }

        MarkFaulty(reading, unless: valid);
        return valid;
    }

    private static void MarkFaulty(InferReading reading, bool unless)
    {
        foreach (BinaryInput binary in unless ? [] : reading.Binary)
        {
            if (binary.Input is not null)
            {
                reading.MarkFaulty(binary.Input.Name);
            }
        }
    }
}
