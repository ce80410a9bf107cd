using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json;

public sealed class JsonTensorWriterTests
{
    public static TheoryData<TensorType> NumericTypes => [.. Enum.GetValues<TensorType>().Where(type => type is not (TensorType.Bytes or TensorType.Bool))];

    [Theory]
    [InlineData("", "1", "1")]
    [InlineData("1", "1", "[1]")]
    [InlineData("3", "1,2,3", "[1,2,3]")]
    [InlineData("2,3", "1,2,3,4,5,6", "[[1,2,3],[4,5,6]]")]
    [InlineData("2,1,2", "1,2,3,4", "[[[1,2]],[[3,4]]]")]
    [InlineData("0", "", "[]")]
    [InlineData("2,0", "", "[[],[]]")]
    [InlineData("0,3", "", "[]")]
    [InlineData("2,0,3", "", "[[],[]]")]
    [InlineData("1,2,0", "", "[[[],[]]]")]
    public void Write_AnyShape_IsNestedOrFlat(string shape, string values, string nested)
    {
        int[] numbers = Split(values, int.Parse);
        using Tensor tensor = Tensor.Create<int>(TensorType.Int32, Split(shape, long.Parse), numbers);
        Assert.Equal(nested, Nested(tensor));
        Assert.Equal($"[{values}]", Flat(tensor));
    }

    [Fact]
    public void WriteNested_Floats_AreTheShortestThatReadBack()
    {
        AssertWritten(TensorType.Fp32, "[0.1,1E-05,1E+20,5,0,-0.0,1E-45,3.4028235E+38]", 0.1f, 1e-5f, 1e20f, 5f, 0f, -0f, float.Epsilon, float.MaxValue);
        AssertWritten(TensorType.Fp64, "[0.1,5E-324,1.7976931348623157E+308,-0.0]", 0.1, double.Epsilon, double.MaxValue, -0.0);
        AssertWritten(TensorType.Fp16, "[0.099975586,65504,-0.0]", (Half)0.1, Half.MaxValue, (Half)(-0.0));
        AssertWritten<ushort>(TensorType.Bf16, "[0.100097656,1,-0.0]", BFloat16Bits.FromDouble(0.1), BFloat16Bits.FromSingle(1), 0x8000);
    }

    [Fact]
    public void WriteNested_IntegersAndBooleans_AreExact()
    {
        AssertWritten(TensorType.Int64, "[-9223372036854775808,9223372036854775807]", long.MinValue, long.MaxValue);
        AssertWritten(TensorType.UInt64, "[18446744073709551615,0]", ulong.MaxValue, 0UL);
        AssertWritten(TensorType.Int8, "[-128,127]", sbyte.MinValue, sbyte.MaxValue);
        AssertWritten(TensorType.Bool, "[true,false,true]", (byte)1, (byte)0, (byte)1);
    }

    [Fact]
    public void Write_NonFinite_IsQuotedOrBare()
    {
        using Tensor tensor = Tensor.Create<float>(TensorType.Fp32, [3], [float.NaN, float.PositiveInfinity, float.NegativeInfinity]);
        Assert.Equal("[\"NaN\",\"Infinity\",\"-Infinity\"]", Nested(tensor));
        Assert.Equal("[NaN,Infinity,-Infinity]", Flat(tensor));
    }

    [Theory]
    [MemberData(nameof(NumericTypes))]
    public void RoundTrip_RandomBits_AreTheSameBits(TensorType type)
    {
        const int Count = 20_000;
        byte[] bytes = new byte[Count * type.ElementSize()];
        new Random(5).NextBytes(bytes);
        TensorBuffer buffer = TensorBuffer.Rent(bytes.Length);
        bytes.CopyTo(buffer.Span);
        using var tensor = new Tensor(type, [4, Count / 4], buffer);
        Normalize(tensor);
        using Tensor nested = JsonReading.Tensor(Nested(tensor), type);
        Assert.True(tensor.Data.SequenceEqual(nested.Data));
        Assert.Equal(tensor.Shape, nested.Shape);
        (Tensor? flat, _) = JsonReading.Data(Flat(tensor), type, tensor.Shape);
        Assert.True(tensor.Data.SequenceEqual(flat!.Data));
        flat.Dispose();
    }

    [Fact]
    public void RoundTrip_EverySixteenBitFloat_IsTheSameBits()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        foreach (TensorType type in new[] { TensorType.Fp16, TensorType.Bf16 })
        {
            using Tensor tensor = Tensor.Create<ushort>(type, [65536], all);
            Normalize(tensor);
            using Tensor read = JsonReading.Tensor(Nested(tensor), type);
            Assert.True(tensor.Data.SequenceEqual(read.Data));
        }
    }

    [Fact]
    public void RoundTrip_Strings_AreTheSameBytesAndValidJson()
    {
        string[] texts = ["", "plain", "quote\" slash\\ /", "\0\u0001\u001f\b\f\n\r\t", "grün 日本語 😀 \u2028 \u007f \uFFFD <&>'+", new('x', 10_000), "NaN"];
        using Tensor tensor = Tensor.FromStrings([texts.Length], texts);
        string json = Nested(tensor);
        Assert.Equal(texts, JsonSerializer.Deserialize<string[]>(json));
        Assert.Contains("grün 日本語 😀", json, StringComparison.Ordinal);
        Assert.Contains("\\u0000\\u0001\\u001f\\b\\f\\n\\r\\t", json, StringComparison.Ordinal);
        using Tensor read = JsonReading.Tensor(json, TensorType.Bytes);
        Assert.True(tensor.Data.SequenceEqual(read.Data));
    }

    [Fact]
    public void Write_BytesThatAreNoText_AreBase64OrRefused()
    {
        byte[][] elements = [[0xFF], [], [0xC3, 0xA9], [0xED, 0xA0, 0x80], [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))]];
        using var writer = new BytesWriter(16);
        foreach (byte[] element in elements)
        {
            writer.Append(element);
        }

        using var tensor = new Tensor(TensorType.Bytes, [5], writer.Detach());
        string json = Nested(tensor);
        Assert.StartsWith("[{\"b64\":\"/w==\"},\"\",\"é\",{\"b64\":\"7aCA\"},{\"b64\":\"AAcOFRwj", json, StringComparison.Ordinal);
        using Tensor read = JsonReading.Tensor(json, TensorType.Bytes);
        Assert.True(tensor.Data.SequenceEqual(read.Data));

        Assert.False(JsonTensorWriter.CanFlatten(tensor));
        var buffer = new ArrayBufferWriter<byte>();
        var output = new JsonOutput(buffer);
        Assert.False(JsonTensorWriter.TryWriteFlat(ref output, tensor, NonFiniteStyle.Bare));
        output.Flush();
        Assert.Equal(0, buffer.WrittenCount);
    }

    [Fact]
    public void CanNest_ShapesThatOnlyBracketsFill_AreRefused()
    {
        Assert.True(JsonTensorWriter.CanNest([1_000_000_000]));
        Assert.True(JsonTensorWriter.CanNest([0, 1_000_000_000]));
        Assert.True(JsonTensorWriter.CanNest([1000, 1000, 0, 7]));
        Assert.True(JsonTensorWriter.CanNest(new long[60]));
        Assert.False(JsonTensorWriter.CanNest([1_000_000_000, 0]));
        Assert.False(JsonTensorWriter.CanNest([long.MaxValue, long.MaxValue, 0]));
        Assert.False(JsonTensorWriter.CanNest(new long[61]));
    }

    // NaN has many bit patterns and one text.
    private static void Normalize(Tensor tensor)
    {
        switch (tensor.Type)
        {
            case TensorType.Fp16:
                Replace(tensor, Half.IsNaN, Half.NaN);
                break;
            case TensorType.Bf16:
                Replace<ushort>(tensor, bits => float.IsNaN(BFloat16Bits.ToSingle(bits)), BFloat16Bits.FromSingle(float.NaN));
                break;
            case TensorType.Fp32:
                Replace(tensor, float.IsNaN, float.NaN);
                break;
            case TensorType.Fp64:
                Replace(tensor, double.IsNaN, double.NaN);
                break;
            default:
                break;
        }
    }

    private static void Replace<T>(Tensor tensor, Func<T, bool> isNaN, T nan)
        where T : unmanaged
    {
        foreach (ref T value in MemoryMarshal.Cast<byte, T>(tensor.Memory.Span))
        {
            value = isNaN(value) ? nan : value;
        }
    }

    private static void AssertWritten<T>(TensorType type, string expected, params T[] values)
        where T : unmanaged
    {
        using Tensor tensor = Tensor.Create<T>(type, [values.Length], values);
        Assert.Equal(expected, Nested(tensor));
    }

    private static T[] Split<T>(string list, Func<string, IFormatProvider, T> parse) =>
        [.. list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(item => parse(item, CultureInfo.InvariantCulture))];

    private static string Nested(Tensor tensor)
    {
        var buffer = new ArrayBufferWriter<byte>(1);
        var output = new JsonOutput(buffer);
        JsonTensorWriter.WriteNested(ref output, tensor, NonFiniteStyle.Quoted);
        output.Flush();
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Flat(Tensor tensor)
    {
        var buffer = new ArrayBufferWriter<byte>(1);
        var output = new JsonOutput(buffer);
        Assert.True(JsonTensorWriter.TryWriteFlat(ref output, tensor, NonFiniteStyle.Bare));
        output.Flush();
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
