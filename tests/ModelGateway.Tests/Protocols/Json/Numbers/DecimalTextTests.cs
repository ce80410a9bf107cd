using System.Globalization;
using System.Text;
using ModelGateway.Protocols.Json.Numbers;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json.Numbers;

/// <summary>The fast writer writes just what .NET's own does, where that reads back.</summary>
public sealed class DecimalTextTests
{
    private const int Values = 200_000;

    [Fact]
    public void Write_Floats_IsTheTextOfNet()
    {
        var random = new Random(21);
        for (int exponent = 0; exponent < 255; exponent++)
        {
            // Powers of two, whose neighbours are not equally far, and what is beside them.
            for (int beside = -3; beside <= 3; beside++)
            {
                AssertWritten(BitConverter.Int32BitsToSingle(Math.Max((exponent << 23) + beside, 1)));
            }
        }

        for (int power = -45; power <= 38; power++)
        {
            float ten = float.Parse($"1e{power}", CultureInfo.InvariantCulture);
            AssertWritten(ten);
            AssertWritten(MathF.BitIncrement(ten));
            AssertWritten(ten * 1.5f);
        }

        for (int i = 0; i < Values; i++)
        {
            AssertWritten(BitConverter.Int32BitsToSingle(random.Next(1, 0x7F80_0000)));
            AssertWritten(-random.NextSingle());
            AssertWritten(MathF.Round(random.NextSingle(), random.Next(1, 7)) + 1e-6f);
            AssertWritten(random.Next(1, 1 << random.Next(1, 31)));
        }
    }

    [Fact]
    public void Write_Doubles_IsTheTextOfNet()
    {
        var random = new Random(22);
        for (long exponent = 0; exponent < 2047; exponent++)
        {
            for (int beside = -3; beside <= 3; beside++)
            {
                AssertWritten(BitConverter.Int64BitsToDouble(Math.Max((exponent << 52) + beside, 1)));
            }
        }

        for (int power = -323; power <= 308; power++)
        {
            double ten = double.Parse($"1e{power}", CultureInfo.InvariantCulture);
            AssertWritten(ten);
            AssertWritten(Math.BitIncrement(ten));
            AssertWritten(ten * 1.5);
        }

        for (int i = 0; i < Values; i++)
        {
            AssertWritten(BitConverter.Int64BitsToDouble(random.NextInt64(1, 0x7FF0_0000_0000_0000)));
            AssertWritten(-random.NextDouble());
            AssertWritten(Math.Round(random.NextDouble() * 1000, random.Next(0, 15)) + 1e-9);
            AssertWritten((double)random.NextInt64(1, 1L << random.Next(1, 63)));
        }
    }

    [Fact]
    public void Write_WholeNumbers_IsTheTextOfNet()
    {
        var random = new Random(23);
        for (int bits = 0; bits < 64; bits++)
        {
            for (int i = 0; i < 200; i++)
            {
                AssertWritten(random.NextInt64() >> bits);
                AssertWritten(-(random.NextInt64() >> bits));
            }
        }

        ulong ten = 1;
        for (int digits = 1; digits <= 20; digits++, ten *= 10)
        {
            AssertWritten(ten - 1);
            AssertWritten(ten);
        }

        AssertWritten(long.MinValue);
        AssertWritten(long.MaxValue);
        AssertWritten(ulong.MaxValue);
        AssertWritten(0);
    }

    // Four side by side and one alone find the same digits, whatever stands beside.
    [Fact]
    public void Shorten_SideBySide_IsAsAlone()
    {
        var random = new Random(24);
        float[] values = new float[16];
        ulong[] digits = new ulong[16];
        int[] exponents = new int[16];
        for (int round = 0; round < Values; round++)
        {
            int count = random.Next(1, 17);
            for (int i = 0; i < count; i++)
            {
                values[i] = random.Next(8) switch
                {
                    0 => BitConverter.Int32BitsToSingle(random.Next(1, 0x0080_0000)),
                    1 => BitConverter.Int32BitsToSingle(random.Next(1, 255) << 23),
                    2 => random.Next(1, 1000),
                    3 => random.Next(4) switch { 0 => 0, 1 => float.NaN, 2 => float.NegativeInfinity, _ => -0f },
                    _ => BitConverter.Int32BitsToSingle(random.Next(1, 0x7F80_0000)) * (random.Next(2) == 0 ? 1 : -1),
                };
            }

            ShortestDecimals.Of(values.AsSpan(0, count), digits, exponents);
            for (int i = 0; i < count; i++)
            {
                if (float.IsFinite(values[i]) && values[i] != 0)
                {
                    decimal expected = ShortestDecimal.Of(MathF.Abs(values[i]), out int exponent);
                    AssertSameDecimal(expected, exponent, digits[i], exponents[i]);
                }
            }
        }
    }

    // 5 * 10^0 is 50 * 10^-1.
    private static void AssertSameDecimal(decimal left, int leftExponent, decimal right, int rightExponent)
    {
        int least = Math.Min(leftExponent, rightExponent);
        for (; leftExponent > least; leftExponent--)
        {
            left *= 10;
        }

        for (; rightExponent > least; rightExponent--)
        {
            right *= 10;
        }

        Assert.Equal(left, right);
    }

    private static void AssertWritten(float value)
    {
        Span<byte> room = stackalloc byte[DecimalText.Room];
        AssertText(value.ToString("R", CultureInfo.InvariantCulture), room[..DecimalText.Write(value, room)]);
    }

    private static void AssertWritten(double value)
    {
        Span<byte> room = stackalloc byte[DecimalText.Room];
        ReadOnlySpan<byte> written = room[..DecimalText.Write(value, room)];
        string expected = value.ToString("R", CultureInfo.InvariantCulture);

        // .NET 10 writes the double below for 2^-25 and for 2^-958: one digit too few below a power of two.
        bool isSound = double.Parse(expected, CultureInfo.InvariantCulture).Equals(value);
        AssertText(isSound ? expected : value.ToString("E16", CultureInfo.InvariantCulture).Replace("E-0", "E-", StringComparison.Ordinal), written);
        Assert.Equal(value, double.Parse(written, CultureInfo.InvariantCulture));
    }

    private static void AssertWritten(long value)
    {
        Span<byte> room = stackalloc byte[DecimalText.Room];
        AssertText(value.ToString(CultureInfo.InvariantCulture), room[..DecimalText.Write(value, room)]);
    }

    private static void AssertWritten(ulong value)
    {
        Span<byte> room = stackalloc byte[DecimalText.Room];
        AssertText(value.ToString(CultureInfo.InvariantCulture), room[..DecimalText.Write(value, room)]);
    }

    private static void AssertText(string expected, ReadOnlySpan<byte> written)
    {
        // Comparing bytes keeps a million strings from being made.
        Span<byte> bytes = stackalloc byte[64];
        if (!bytes[..Encoding.ASCII.GetBytes(expected, bytes)].SequenceEqual(written))
        {
            Assert.Fail($"expected {expected}, wrote {Encoding.ASCII.GetString(written)}");
        }
    }
}
