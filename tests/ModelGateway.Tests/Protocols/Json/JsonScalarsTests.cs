using System.Globalization;
using System.Numerics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Json;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json;

public sealed class JsonScalarsTests
{
    private const int Literals = 50_000;

    public static TheoryData<TensorType> FloatTypes => [TensorType.Fp16, TensorType.Bf16, TensorType.Fp32, TensorType.Fp64];

    [Theory]
    [MemberData(nameof(FloatTypes))]
    public void Float_RandomAndHostileLiterals_AreRoundedOnceToTheNearest(TensorType type)
    {
        string[] finite = [.. JsonLiterals.Floats(Literals, seed: 7).Where(text => !float.IsInfinity((float)Reference(type, text)))];
        Assert.True(finite.Length > Literals / 4);
        using Tensor tensor = JsonReading.Tensor($"[{string.Join(',', finite)}]", type);
        for (int i = 0; i < finite.Length; i++)
        {
            double value = Element(tensor, i);
            double expected = type == TensorType.Fp64 ? double.Parse(finite[i], CultureInfo.InvariantCulture) : Reference(type, finite[i]);
            if (BitConverter.DoubleToInt64Bits(expected) != BitConverter.DoubleToInt64Bits(value))
            {
                Assert.Fail($"{type} {finite[i]}: expected {expected:R}, read {value:R}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(FloatTypes))]
    public void Float_EveryHalfwayPoint_RoundsToEvenAndOneDigitMoreOrLessDecides(TensorType type)
    {
        if (type is not (TensorType.Fp16 or TensorType.Bf16))
        {
            return;
        }

        for (int bits = 0; bits < 0x7F80; bits += 13)
        {
            double low = type == TensorType.Fp16 ? (double)BitConverter.UInt16BitsToHalf((ushort)bits) : BFloat16Bits.ToSingle((ushort)bits);
            double high = type == TensorType.Fp16 ? (double)BitConverter.UInt16BitsToHalf((ushort)(bits + 1)) : BFloat16Bits.ToSingle((ushort)(bits + 1));
            if (!double.IsFinite(high) || high < low)
            {
                continue;
            }

            (string exactly, string below, string above) = JsonLiterals.Around((low + high) / 2);
            using Tensor tensor = JsonReading.Tensor($"[{exactly},{below},{above},-{exactly},-{below},-{above}]", type);
            double even = bits % 2 == 0 ? low : high;
            Assert.Equal([even, low, high, -even, -low, -high], Enumerable.Range(0, 6).Select(i => Element(tensor, i)));
        }
    }

    [Theory]
    [InlineData(TensorType.Fp16, "65519.99999999999999999999999999999", "65520")]
    [InlineData(TensorType.Bf16, "339617752923046005526922703901628039167", "339617752923046005526922703901628039168")]
    [InlineData(TensorType.Fp32, "3.4028235677973366e38", "3.4028235677973367e38")]
    [InlineData(TensorType.Fp64, "1.7976931348623158e308", "1.7976931348623159e308")]
    public void Float_AtTheLimit_IsReadAndBeyondItIsOutOfRange(TensorType type, string largest, string tooLarge)
    {
        using Tensor tensor = JsonReading.Tensor($"[{largest},-{largest}]", type);
        Assert.True(double.IsFinite(Element(tensor, 0)));
        foreach (string text in new[] { tooLarge, "-" + tooLarge, "1e400", "1e99999999999999999999", new string('9', 5000) })
        {
            RequestFault fault = JsonReading.Fault($"[0,{text}]", type);
            Assert.Equal($"Input 'x' has a number at [1] that is out of range for {type.Name()}.", fault.Message);
        }
    }

    [Theory]
    [MemberData(nameof(FloatTypes))]
    public void Float_SpecialValues_AreRead(TensorType type)
    {
        string[] texts =
        [
            "NaN", "\"NaN\"", "\"nan\"", "Infinity", "\"Infinity\"", "\"inf\"", "-Infinity", "\"-Infinity\"", "\"-inf\"",
            "-0.0", "-0", "1e-999", "-1e-999", "\"\\u004eaN\"",
        ];
        double nan = double.NaN, inf = double.PositiveInfinity;
        double[] expected = [nan, nan, nan, inf, inf, inf, -inf, -inf, -inf, -0.0, -0.0, 0, -0.0];
        using Tensor tensor = JsonReading.Tensor($"[{string.Join(',', texts[..^1])}]", type);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], Element(tensor, i));
            Assert.Equal(double.IsNegative(expected[i]) && !double.IsNaN(expected[i]), double.IsNegative(Element(tensor, i)) && !double.IsNaN(expected[i]));
        }

        // An escaped spelling is a string that nobody writes; it is refused rather than unescaped on the fast path.
        Assert.Equal("a string", JsonReading.Fault(texts[^1], type).Got);
        Assert.Equal("a string", JsonReading.Fault("\"+inf\"", type).Got);
    }

    [Theory]
    [InlineData(TensorType.Int8, "-128", "127")]
    [InlineData(TensorType.Int16, "-32768", "32767")]
    [InlineData(TensorType.Int32, "-2147483648", "2147483647")]
    [InlineData(TensorType.Int64, "-9223372036854775808", "9223372036854775807")]
    [InlineData(TensorType.UInt8, "0", "255")]
    [InlineData(TensorType.UInt16, "0", "65535")]
    [InlineData(TensorType.UInt32, "0", "4294967295")]
    [InlineData(TensorType.UInt64, "0", "18446744073709551615")]
    public void Integer_Limits_AreReadAndOneBeyondIsOutOfRange(TensorType type, string min, string max)
    {
        using Tensor tensor = JsonReading.Tensor($"[{min},{max}]", type);
        Assert.Equal(min, Integer(tensor, 0).ToString(CultureInfo.InvariantCulture));
        Assert.Equal(max, Integer(tensor, 1).ToString(CultureInfo.InvariantCulture));
        string below = (BigInteger.Parse(min, CultureInfo.InvariantCulture) - 1).ToString(CultureInfo.InvariantCulture);
        string above = (BigInteger.Parse(max, CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture);
        foreach (string text in new[] { below, above, "-99999999999999999999", "99999999999999999999", new string('7', 4000) })
        {
            Assert.Equal($"Input 'x' has a number that is out of range for {type.Name()} ({min} to {max}).", JsonReading.Fault(text, type).Message);
        }
    }

    [Theory]
    [InlineData("3.0", 3)]
    [InlineData("-3.000", -3)]
    [InlineData("1e2", 100)]
    [InlineData("1E+2", 100)]
    [InlineData("12.50e1", 125)]
    [InlineData("500e-2", 5)]
    [InlineData("0.0000000000000000000001e22", 1)]
    [InlineData("0e999999999999999999999", 0)]
    [InlineData("-0.0e-999999999999999999999", 0)]
    [InlineData("-0", 0)]
    [InlineData("9007199254740992.0", 9007199254740992)]
    [InlineData("-9.007199254740992e15", -9007199254740992)]
    [InlineData("1e15", 1_000_000_000_000_000)]
    public void Integer_WholeWithPointOrExponent_IsRead(string text, long expected)
    {
        using Tensor signed = JsonReading.Tensor(text, TensorType.Int64);
        Assert.Equal(expected, Integer(signed, 0));
        if (expected >= 0)
        {
            using Tensor unsigned = JsonReading.Tensor(text, TensorType.UInt64);
            Assert.Equal(expected, Integer(unsigned, 0));
        }
    }

    [Theory]
    [InlineData("0.5")]
    [InlineData("-1.25")]
    [InlineData("1e-1")]
    [InlineData("3.00000000000000000000000000000000001")]
    [InlineData("123456789012345678901234567890.5")]
    [InlineData("1e-999999999999999999999")]
    public void Integer_Fraction_IsAFault(string text)
    {
        foreach (TensorType type in new[] { TensorType.Bool, TensorType.Int8, TensorType.UInt16, TensorType.Int32, TensorType.Int64, TensorType.UInt64 })
        {
            Assert.Equal($"Input 'x' has a fraction at [0], but {type.Name()} takes whole numbers.", JsonReading.Fault($"[{text}]", type).Message);
        }
    }

    [Theory]
    [InlineData("9007199254740993.0")]
    [InlineData("1e16")]
    [InlineData("1e400")]
    [InlineData("1e999999999999999999999")]
    public void Integer_BeyondTheExactDoubles_MustBePlainDigits(string text)
    {
        foreach (TensorType type in new[] { TensorType.Int64, TensorType.UInt64 })
        {
            Assert.Equal("Input 'x' has a number beyond 2^53 with a point or an exponent; write it in plain digits.", JsonReading.Fault(text, type).Message);
        }

        Assert.Equal("a number out of range", JsonReading.Fault(text, TensorType.UInt32).Got);
        Assert.Equal("a number out of range", JsonReading.Fault("-1.0", TensorType.UInt64).Got);
    }

    [Fact]
    public void Integer_RandomDecimals_AgreeWithExactArithmetic()
    {
        var random = new Random(11);
        for (int i = 0; i < 20_000; i++)
        {
            string digits = random.NextInt64(0, 1L << random.Next(1, 62)).ToString(CultureInfo.InvariantCulture) + new string('0', random.Next(4));
            int point = random.Next(1, digits.Length + 1);
            int exponent = random.Next(-6, 7);
            string whole = digits[..point].TrimStart('0');
            string text = $"{(whole.Length == 0 ? "0" : whole)}.{digits[point..]}0e{exponent}";
            int scale = exponent - (digits.Length - point);
            BigInteger numerator = BigInteger.Parse(digits, CultureInfo.InvariantCulture) * BigInteger.Pow(10, Math.Max(scale, 0));
            bool isWhole = BigInteger.DivRem(numerator, BigInteger.Pow(10, Math.Max(-scale, 0)), out BigInteger rest) <= 1L << 53 && rest.IsZero;
            (Tensor? tensor, _) = JsonReading.Nested(text, TensorType.Int64);
            Assert.True(isWhole == tensor is not null, text);
            Assert.True(tensor is null || Integer(tensor, 0) == numerator / BigInteger.Pow(10, Math.Max(-scale, 0)), text);
            tensor?.Dispose();
        }
    }

    [Fact]
    public void Bool_WordsAndZeroOne_AreRead()
    {
        using Tensor tensor = JsonReading.Tensor("[true,false,1,0,1.0,0e5]", TensorType.Bool);
        Assert.Equal([1, 0, 1, 0, 1, 0], tensor.Data.ToArray());
        Assert.Equal("Input 'x' has a number that is out of range for BOOL (0 to 1).", JsonReading.Fault("2", TensorType.Bool).Message);
    }

    /// <summary>The value that a literal has when it is rounded once to the type; for FP64 infinite or zero, no more.</summary>
    internal static double Reference(TensorType type, string text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        return type switch
        {
            TensorType.Fp16 => (double)Half.Parse(text, culture),
            TensorType.Bf16 => ExactRounding.ToBFloat16(text),
            TensorType.Fp32 => float.Parse(text, culture),
            _ => double.Parse(text, culture) is double value && double.IsInfinity(value) ? value : 0,
        };
    }

    private static double Element(Tensor tensor, int index) => tensor.Type switch
    {
        TensorType.Fp16 => (double)tensor.AsSpan<Half>()[index],
        TensorType.Bf16 => BFloat16Bits.ToSingle(tensor.AsSpan<ushort>()[index]),
        TensorType.Fp32 => tensor.AsSpan<float>()[index],
        _ => tensor.AsSpan<double>()[index],
    };

    private static Int128 Integer(Tensor tensor, int index) => tensor.Type switch
    {
        TensorType.UInt8 or TensorType.Bool => tensor.AsSpan<byte>()[index],
        TensorType.UInt16 => tensor.AsSpan<ushort>()[index],
        TensorType.UInt32 => tensor.AsSpan<uint>()[index],
        TensorType.UInt64 => tensor.AsSpan<ulong>()[index],
        TensorType.Int8 => tensor.AsSpan<sbyte>()[index],
        TensorType.Int16 => tensor.AsSpan<short>()[index],
        TensorType.Int32 => tensor.AsSpan<int>()[index],
        _ => tensor.AsSpan<long>()[index],
    };
}
