using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class BFloat16BitsTests
{
    private const int Patterns = 0x10000;
    private const ushort PositiveInfinity = 0x7F80;

    // Every value a bfloat16 can have, in ascending order, made without the code under test: sign, exponent, mantissa.
    private static readonly double[] Magnitudes = [.. Enumerable.Range(0, PositiveInfinity).Select(Magnitude)];

    [Fact]
    public void ToSingle_EveryPattern_IsItsArithmeticValue()
    {
        for (int bits = 0; bits < PositiveInfinity; bits++)
        {
            Assert.Equal(Magnitudes[bits], BFloat16Bits.ToSingle((ushort)bits));
            Assert.Equal(-Magnitudes[bits], BFloat16Bits.ToSingle((ushort)(bits | 0x8000)));
        }

        Assert.Equal(float.PositiveInfinity, BFloat16Bits.ToSingle(PositiveInfinity));
        Assert.Equal(float.NegativeInfinity, BFloat16Bits.ToSingle(PositiveInfinity | 0x8000));
    }

    [Fact]
    public void FromSingleAndFromDouble_EveryPattern_ComesBack()
    {
        for (int bits = 0; bits < Patterns; bits++)
        {
            float value = BFloat16Bits.ToSingle((ushort)bits);
            ushort fromSingle = BFloat16Bits.FromSingle(value);
            ushort fromDouble = BFloat16Bits.FromDouble(value);
            if (float.IsNaN(value))
            {
                // A signalling NaN becomes quiet; sign and payload stay.
                Assert.Equal((ushort)(bits | 0x40), fromSingle);
                Assert.True(float.IsNaN(BFloat16Bits.ToSingle(fromDouble)));
            }
            else
            {
                Assert.Equal((ushort)bits, fromSingle);
                Assert.Equal((ushort)bits, fromDouble);
            }
        }
    }

    [Fact]
    public void FromSingle_BetweenTwoNeighbours_RoundsToNearestAndTiesToEven()
    {
        for (int bits = 0; bits < PositiveInfinity; bits++)
        {
            uint low = (uint)bits << 16;
            ushort above = (ushort)(bits + 1);
            ushort even = (bits & 1) == 0 ? (ushort)bits : above;
            Assert.Equal((ushort)bits, BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(low | 0x0001)));
            Assert.Equal((ushort)bits, BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(low | 0x7FFF)));
            Assert.Equal(even, BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(low | 0x8000)));
            Assert.Equal(above, BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(low | 0x8001)));
            Assert.Equal(above, BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(low | 0xFFFF)));
        }
    }

    // Rounding to float first would make a tie of these and then round it the wrong way.
    [Fact]
    public void FromDouble_JustBesideATie_IsRoundedOnce()
    {
        for (int bits = 0; bits < PositiveInfinity; bits++)
        {
            double tie = BitConverter.UInt32BitsToSingle(((uint)bits << 16) | 0x8000);
            ushort above = (ushort)(bits + 1);
            ushort even = (bits & 1) == 0 ? (ushort)bits : above;
            Assert.Equal(even, BFloat16Bits.FromDouble(tie));
            Assert.Equal((ushort)bits, BFloat16Bits.FromDouble(Math.BitDecrement(tie)));
            Assert.Equal(above, BFloat16Bits.FromDouble(Math.BitIncrement(tie)));
            Assert.Equal((ushort)(bits | 0x8000), BFloat16Bits.FromDouble(-Math.BitDecrement(tie)));
            Assert.Equal((ushort)(above | 0x8000), BFloat16Bits.FromDouble(-Math.BitIncrement(tie)));
        }
    }

    [Fact]
    public void FromDouble_RandomBits_AgreeWithTheReference()
    {
        var random = new Random(16);
        for (int i = 0; i < 200_000; i++)
        {
            // Exponents around those of bfloat16, and beyond on both sides.
            long exponent = random.Next(1023 - 160, 1023 + 140);
            double value = BitConverter.Int64BitsToDouble((exponent << 52) | random.NextInt64(1L << 52));
            Assert.Equal(Reference(value), BFloat16Bits.FromDouble(value));
            Assert.Equal(Reference((float)value), BFloat16Bits.FromSingle((float)value));
        }
    }

    [Theory]
    [InlineData(0.0, 0x0000)]
    [InlineData(-0.0, 0x8000)]
    [InlineData(1.0, 0x3F80)]
    [InlineData(double.Epsilon, 0x0000)]
    [InlineData(-double.Epsilon, 0x8000)]
    [InlineData(double.MaxValue, 0x7F80)]
    [InlineData(double.MinValue, 0xFF80)]
    [InlineData(double.PositiveInfinity, 0x7F80)]
    [InlineData(double.NegativeInfinity, 0xFF80)]
    [InlineData(3.3895313892515355e38, 0x7F7F)]
    public void FromDouble_Extremes_HaveTheseBits(double value, int bits) => Assert.Equal((ushort)bits, BFloat16Bits.FromDouble(value));

    [Fact]
    public void FromSingleAndFromDouble_NaNs_StayNaNs()
    {
        // The payload of the second lies only in the bits that are cut off.
        foreach (uint bits in new uint[] { 0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0xFF800001 })
        {
            float nan = BitConverter.UInt32BitsToSingle(bits);
            Assert.True(float.IsNaN(BFloat16Bits.ToSingle(BFloat16Bits.FromSingle(nan))));
            Assert.True(float.IsNaN(BFloat16Bits.ToSingle(BFloat16Bits.FromDouble(nan))));
        }
    }

    private static double Magnitude(int bits)
    {
        int exponent = bits >> 7;
        int mantissa = bits & 0x7F;
        return exponent == 0 ? Math.ScaleB(mantissa, -133) : Math.ScaleB(mantissa + 128, exponent - 134);
    }

    // Searches the neighbours and compares distances, which are exact in double because both are.
    private static ushort Reference(double value)
    {
        ushort sign = double.IsNegative(value) ? (ushort)0x8000 : (ushort)0;
        double magnitude = Math.Abs(value);
        int index = Array.BinarySearch(Magnitudes, magnitude);
        if (index >= 0)
        {
            return (ushort)(index | sign);
        }

        int above = ~index;
        int below = above - 1;

        // Past the largest value comes infinity, as if the next power of two were there.
        double upper = above < Magnitudes.Length ? Magnitudes[above] : Math.ScaleB(1, 128);
        double toUpper = upper - magnitude;
        double toLower = magnitude - Magnitudes[below];
        int nearest = toUpper < toLower || (toUpper == toLower && (above & 1) == 0) ? above : below;
        return (ushort)(nearest | sign);
    }
}
