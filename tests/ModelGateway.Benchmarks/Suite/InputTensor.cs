using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>One input of a benchmark's request, in every form that a contender wants it in.</summary>
/// <param name="Name">The input's name in the graph.</param>
/// <param name="DataType">FP32 or INT64.</param>
/// <param name="Shape">Dimensions.</param>
/// <param name="Data">The elements, little endian.</param>
internal sealed record InputTensor(string Name, string DataType, long[] Shape, byte[] Data)
{
    public static InputTensor Floats(string name, long[] shape, ReadOnlySpan<float> values) => new(name, "FP32", shape, MemoryMarshal.AsBytes(values).ToArray());

    public static InputTensor Integers(string name, long[] shape, ReadOnlySpan<long> values) => new(name, "INT64", shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>As nested arrays, floats in their shortest form.</summary>
    public string ToJson()
    {
        string[] numbers = DataType == "FP32"
            ? [.. MemoryMarshal.Cast<byte, float>(Data).ToArray().Select(value => value.ToString(CultureInfo.InvariantCulture))]
            : [.. MemoryMarshal.Cast<byte, long>(Data).ToArray().Select(value => value.ToString(CultureInfo.InvariantCulture))];
        var json = new StringBuilder();
        int next = 0;
        AppendNested(json, 0);
        return json.ToString();

        void AppendNested(StringBuilder text, int depth)
        {
            if (depth == Shape.Length)
            {
                text.Append(numbers[next++]);
                return;
            }

            text.Append('[');
            for (long i = 0; i < Shape[depth]; i++)
            {
                text.Append(i == 0 ? "" : ",");
                AppendNested(text, depth + 1);
            }

            text.Append(']');
        }
    }
}
