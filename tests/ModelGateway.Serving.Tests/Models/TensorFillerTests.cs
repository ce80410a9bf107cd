using System.Runtime.InteropServices;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class TensorFillerTests
{
    public static TheoryData<TensorType> AllTypes => [.. Enum.GetValues<TensorType>()];

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Fill_EveryType_HasShapeAndElements(TensorType type)
    {
        foreach (WarmupFill kind in Enum.GetValues<WarmupFill>())
        {
            using Tensor tensor = TensorFiller.Fill(type, [2, 3], kind);
            List<double> values = Values(tensor);
            Assert.Equal(type, tensor.Type);
            Assert.Equal([2, 3], tensor.Shape);
            Assert.Equal(6, values.Count);
            Assert.All(values, value => Assert.InRange(value, kind == WarmupFill.One ? 1 : 0, kind == WarmupFill.Zero ? 0 : 1));
        }
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Fill_Random_IsTheSameEachTimeAndNotConstant(TensorType type)
    {
        using Tensor one = TensorFiller.Fill(type, [64], WarmupFill.Random);
        using Tensor other = TensorFiller.Fill(type, [64], WarmupFill.Random);
        Assert.Equal(one.Data.ToArray(), other.Data.ToArray());
        Assert.True(Values(one).Distinct().Count() > 1);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Fill_ScalarAndEmptyShapes_HaveOneElementAndNone(TensorType type)
    {
        using Tensor scalar = TensorFiller.Fill(type, [], WarmupFill.One);
        using Tensor empty = TensorFiller.Fill(type, [2, 0, 3], WarmupFill.One);
        Assert.Equal([1d], Values(scalar));
        Assert.Empty(Values(empty));
        Assert.Equal([2, 0, 3], empty.Shape);
    }

    [Fact]
    public void Fill_ZeroStrings_AreEmpty()
    {
        using Tensor tensor = TensorFiller.Fill(TensorType.Bytes, [2], WarmupFill.Zero);
        Assert.Equal(["", ""], tensor.ToStrings());
    }

    [Theory]
    [InlineData(TensorType.Fp32, new long[] { -1 })]
    [InlineData(TensorType.Fp32, new long[] { 1L << 28, 2 })]
    [InlineData(TensorType.Fp64, new long[] { (1L << 27) + 1 })]
    [InlineData(TensorType.UInt8, new long[] { (1L << 30) + 1 })]
    [InlineData(TensorType.Bytes, new long[] { (1L << 27) + 1 })]
    [InlineData(TensorType.Fp64, new long[] { 1L << 61 })]
    [InlineData(TensorType.Fp32, new long[] { 1L << 62 })]
    [InlineData(TensorType.UInt8, new long[] { long.MaxValue, long.MaxValue })]
    public void Fill_ImpossibleShape_IsRefusedBeforeMemoryIsTaken(TensorType type, long[] shape)
    {
        var exception = Assert.Throws<ArgumentException>(() => TensorFiller.Fill(type, shape, WarmupFill.Zero));
        Assert.Contains("is not a shape that can be made up", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TensorType.Bool, "true false 1 0 True False", "010001000100")]
    [InlineData(TensorType.UInt8, "0 255", "00FF")]
    [InlineData(TensorType.Int8, "-128 127 -1", "807FFF")]
    [InlineData(TensorType.UInt16, "65535 258", "FFFF0201")]
    [InlineData(TensorType.Int16, "-32768 258", "00800201")]
    [InlineData(TensorType.UInt32, "4294967295 16909060", "FFFFFFFF04030201")]
    [InlineData(TensorType.Int32, "-2147483648 16909060", "0000008004030201")]
    [InlineData(TensorType.UInt64, "18446744073709551615", "FFFFFFFFFFFFFFFF")]
    [InlineData(TensorType.Int64, "-9223372036854775808", "0000000000000080")]
    [InlineData(TensorType.Fp16, "1 -2 65504 Infinity", "003C00C0FF7B007C")]
    [InlineData(TensorType.Bf16, "1 -2 3.140625 -Infinity", "803F00C0494080FF")]
    [InlineData(TensorType.Fp32, "1 -1.5e0 Infinity", "0000803F0000C0BF0000807F")]
    [InlineData(TensorType.Fp64, "1 -Infinity", "000000000000F03F000000000000F0FF")]
    [InlineData(TensorType.Bytes, "a 語", "010000006103000000E8AA9E")]
    public void Parse_Scalars_AreWrittenLittleEndian(TensorType type, string scalars, string bytes)
    {
        string[] parts = scalars.Split(' ');
        using Tensor tensor = TensorFiller.Parse("x", type, [parts.Length], parts);
        Assert.Equal(bytes, Convert.ToHexString(tensor.Data));
    }

    [Theory]
    [InlineData(TensorType.Fp16)]
    [InlineData(TensorType.Bf16)]
    [InlineData(TensorType.Fp32)]
    [InlineData(TensorType.Fp64)]
    public void Parse_NotANumber_IsOne(TensorType type)
    {
        using Tensor tensor = TensorFiller.Parse("x", type, [1], ["NaN"]);
        Assert.Equal([double.NaN], Values(tensor));
    }

    [Theory]
    [InlineData(TensorType.Bool, "2")]
    [InlineData(TensorType.Bool, "yes")]
    [InlineData(TensorType.UInt8, "256")]
    [InlineData(TensorType.UInt8, "-1")]
    [InlineData(TensorType.Int8, "128")]
    [InlineData(TensorType.Int32, "1.5")]
    [InlineData(TensorType.Int64, "1e3")]
    [InlineData(TensorType.Int64, "9223372036854775808")]
    [InlineData(TensorType.Fp32, "1,5")]
    [InlineData(TensorType.Fp64, "1,000")]
    [InlineData(TensorType.Fp16, "one")]
    [InlineData(TensorType.Bf16, "")]
    public void Parse_ScalarOfAnotherType_NamesInputAndType(TensorType type, string scalar)
    {
        var exception = Assert.Throws<FormatException>(() => TensorFiller.Parse("pixels", type, [1], [scalar]));
        Assert.Contains("'pixels'", exception.Message, StringComparison.Ordinal);
        Assert.Contains(type.Name(), exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { 3 }, 2)]
    [InlineData(new long[] { }, 0)]
    [InlineData(new long[] { 0 }, 1)]
    public void Parse_WrongNumberOfScalars_IsRefused(long[] shape, int count) =>
        Assert.Throws<FormatException>(() => TensorFiller.Parse("x", TensorType.Fp32, shape, [.. Enumerable.Repeat("1", count)]));

    private static List<double> Values(Tensor tensor) => tensor.Type switch
    {
        TensorType.Bytes => [.. tensor.ToStrings().Select(text => text.Length == 0 ? 0 : double.Parse(text, System.Globalization.CultureInfo.InvariantCulture))],
        TensorType.Fp16 => Each<Half>(tensor, value => (double)value),
        TensorType.Bf16 => Each<ushort>(tensor, bits => BFloat16Bits.ToSingle(bits)),
        TensorType.Fp32 => Each<float>(tensor, value => value),
        TensorType.Fp64 => Each<double>(tensor, value => value),
        TensorType.Bool or TensorType.UInt8 => Each<byte>(tensor, value => value),
        TensorType.Int8 => Each<sbyte>(tensor, value => value),
        TensorType.UInt16 => Each<ushort>(tensor, value => value),
        TensorType.Int16 => Each<short>(tensor, value => value),
        TensorType.UInt32 => Each<uint>(tensor, value => value),
        TensorType.Int32 => Each<int>(tensor, value => value),
        TensorType.UInt64 => Each<ulong>(tensor, value => value),
        _ => Each<long>(tensor, value => value),
    };

    private static List<double> Each<T>(Tensor tensor, Func<T, double> toDouble)
        where T : unmanaged => [.. MemoryMarshal.Cast<byte, T>(tensor.Data).ToArray().Select(toDouble)];
}
