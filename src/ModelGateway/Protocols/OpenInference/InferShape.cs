using System.Text.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Reads and checks the shape of an input.</summary>
internal static class InferShape
{
    // Far more than any model has; a bound on what a shape can cost before it is held against the model's.
    private const int MostDimensions = 64;

    /// <summary>Reads the array under the reader; what its numbers are worth is for <see cref="Check"/> to say.</summary>
    public static void Read(ref Utf8JsonReader reader, InferReading reading, InferInput input)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            input.Fault($"has a 'shape' that is {reading.KindOf(reader)}, not an array of whole numbers", "an array", reading.KindOf(reader));
            return;
        }

        var shape = new List<long>(4);
        bool valid = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (valid && (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long dimension)))
            {
                valid = false;
                string got = reader.TokenType == JsonTokenType.Number ? "a number that is not whole or out of range" : reading.KindOf(reader);
                input.Fault($"has {got} in its 'shape', where whole numbers stand", "whole numbers", got);
            }
            else if (valid && shape.Count == MostDimensions)
            {
                valid = false;
                input.Fault($"has more than {MostDimensions} dimensions", $"at most {MostDimensions} dimensions", "more");
            }
            else if (valid)
            {
                shape.Add(reader.GetInt64());
            }

            reader.Skip();
        }

        input.Shape = [.. shape];
    }

    /// <summary>False, and a fault, for a shape that no tensor can have.</summary>
    /// <param name="target">The input, for the fault.</param>
    /// <param name="subject">The input, for the message.</param>
    /// <param name="shape">As given.</param>
    /// <param name="faults">The request's.</param>
    public static bool Check(string target, string subject, long[] shape, FaultList faults)
    {
        if (TensorShape.TryCountElements(shape, out _))
        {
            return true;
        }

        bool isNegative = Array.Exists(shape, dimension => dimension < 0);
        string got = TensorShape.Format(shape);
        faults.Add(
            target,
            $"{subject} has the shape {got}, {(isNegative ? "but no dimension can be negative" : "which is more elements than can be counted")}.",
            isNegative ? "dimensions of 0 or more" : "fewer elements",
            got);
        return false;
    }
}
