using System.Globalization;
using System.Text.Json.Nodes;

namespace ModelGateway.Tests.Collection;

/// <summary>Holds one tensor of an answer against the collection's: type and shape exactly, numbers within the case's tolerance.</summary>
internal static class OutputComparison
{
    /// <summary>What differs, or null.</summary>
    public static string? Compare(JsonNode got, JsonNode wanted, double tolerance)
    {
        string datatype = (string)wanted["datatype"]!;
        if ((string?)got["datatype"] != datatype)
        {
            return $"datatype {got["datatype"]} instead of {datatype}";
        }

        long[] shape = [.. got["shape"]!.AsArray().Select(dimension => (long)dimension!)];
        long[] expected = [.. wanted["shape"]!.AsArray().Select(dimension => (long)dimension!)];
        return shape.SequenceEqual(expected)
            ? CompareData(got["data"]!.AsArray(), wanted["data"]!.AsArray(), datatype, tolerance)
            : $"shape [{string.Join(", ", shape)}] instead of [{string.Join(", ", expected)}]";
    }

    /// <summary>What differs between two flat lists, or null.</summary>
    public static string? CompareData(JsonArray got, JsonArray wanted, string datatype, double tolerance)
    {
        if (got.Count != wanted.Count)
        {
            return $"{got.Count} elements instead of {wanted.Count}";
        }

        bool isFloat = datatype is "FP16" or "BF16" or "FP32" or "FP64";
        for (int i = 0; i < got.Count; i++)
        {
            bool same = isFloat
                ? AreClose(Round(ToDouble(got[i]!), datatype), ToDouble(wanted[i]!), tolerance)
                : got[i]!.ToJsonString() == wanted[i]!.ToJsonString() || (datatype == "BYTES" && (string)got[i]! == (string)wanted[i]!);
            if (!same)
            {
                return $"element {i} is {got[i]!.ToJsonString()} instead of {wanted[i]!.ToJsonString()}";
            }
        }

        return null;
    }

    // An answer holds the shortest text that reads back to the same value of its own type, not of a double.
    private static double Round(double value, string datatype) => datatype switch
    {
        "FP64" => value,
        "FP16" => (double)(Half)value,
        _ => (float)value,
    };

    private static double ToDouble(JsonNode node) => node.GetValueKind() == System.Text.Json.JsonValueKind.String
        ? double.Parse((string)node!, CultureInfo.InvariantCulture)
        : (double)node;

    private static bool AreClose(double got, double wanted, double tolerance) =>
        double.IsFinite(wanted) && double.IsFinite(got)
            ? Math.Abs(got - wanted) <= tolerance * Math.Max(1, Math.Abs(wanted))
            : got.Equals(wanted);
}
