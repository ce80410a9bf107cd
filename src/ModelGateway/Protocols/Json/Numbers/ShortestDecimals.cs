using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// <see cref="ShortestDecimal"/> for several values. Floats go four side by side: the same steps in the same order, with masks in place
/// of conditions.
/// </summary>
internal static class ShortestDecimals
{
    private const int Lanes = 4;
    private const int Bias = 150;
    private const uint HiddenBit = 1u << 23;
    private const uint Sign = 1u << 31;

    /// <summary>Makes of each value the digits and the exponent that <see cref="ShortestDecimal.Of(float, out int)"/> makes of its magnitude; whatever for zeros, infinities and NaN.</summary>
    public static void Of(ReadOnlySpan<float> values, Span<ulong> digits, Span<int> exponents)
    {
        int done = 0;
        if (Avx2.IsSupported)
        {
            for (; values.Length - done >= Lanes; done += Lanes)
            {
                Vector128<uint> bits = Vector128.Create(MemoryMarshal.Cast<float, uint>(values.Slice(done, Lanes)));
                OfFour(bits, out Vector256<ulong> ofFour, out Vector256<long> powers);
                ofFour.CopyTo(digits[done..]);
                for (int i = 0; i < Lanes; i++)
                {
                    exponents[done + i] = (int)powers.GetElement(i);
                }
            }
        }

        for (; done < values.Length; done++)
        {
            bool usual = float.IsFinite(values[done]) && values[done] != 0;
            digits[done] = usual ? ShortestDecimal.Of(Math.Abs(values[done]), out exponents[done]) : 0;
        }
    }

    /// <summary>The same for doubles, one after the other: their products have too many bits for lanes.</summary>
    public static void Of(ReadOnlySpan<double> values, Span<ulong> digits, Span<int> exponents)
    {
        for (int i = 0; i < values.Length; i++)
        {
            bool usual = double.IsFinite(values[i]) && values[i] != 0;
            digits[i] = usual ? ShortestDecimal.Of(Math.Abs(values[i]), out exponents[i]) : 0;
        }
    }

    // Each lane of 64 bits holds a number of 32; where that may be negative, only its lower half counts.
    private static void OfFour(Vector128<uint> bits, out Vector256<ulong> digits, out Vector256<long> exponents)
    {
        Vector256<long> magnitude = Avx2.ConvertToVector256Int64(bits & Vector128.Create(~Sign));
        Vector256<long> fraction = magnitude & Vector256.Create((long)HiddenBit - 1);
        Vector256<long> biased = magnitude >>> 23;
        Vector256<long> isSubnormal = Vector256.Equals(biased, Vector256<long>.Zero);
        Vector256<long> significand = fraction | Vector256.AndNot(Vector256.Create((long)HiddenBit), isSubnormal);
        Vector256<int> power = (biased - isSubnormal).AsInt32() - Vector256.Create(Bias);
        Vector256<long> isPower = Vector256.Equals(fraction, Vector256<long>.Zero) & Vector256.GreaterThan(biased, Vector256<long>.One);

        Vector256<int> k = ((power * Vector256.Create(1_262_611)) - (isPower.AsInt32() & Vector256.Create(524_031))) >> 22;
        Vector256<int> log2 = ((Vector256<int>.Zero - k) * Vector256.Create(1_741_647)) >> 19;
        Vector256<ulong> shift = (power + log2 + Vector256<int>.One).AsUInt64() & Vector256.Create((ulong)uint.MaxValue);
        Vector256<ulong> ten = Vector256.Create(
            ShortestDecimal.TenOfSingle(-k.GetElement(0)),
            ShortestDecimal.TenOfSingle(-k.GetElement(2)),
            ShortestDecimal.TenOfSingle(-k.GetElement(4)),
            ShortestDecimal.TenOfSingle(-k.GetElement(6)));

        Vector256<long> four = significand << 2;
        Vector256<long> two = Vector256.Create(2L);
        Vector256<long> odd = significand & Vector256<long>.One;
        Vector256<long> lower = Scale(ten, Avx2.ShiftLeftLogicalVariable((four - two - isPower).AsUInt64(), shift)) + odd;
        Vector256<long> middle = Scale(ten, Avx2.ShiftLeftLogicalVariable(four.AsUInt64(), shift));
        Vector256<long> upper = Scale(ten, Avx2.ShiftLeftLogicalVariable((four + two).AsUInt64(), shift)) - odd;
        digits = Choose(lower, middle, upper, out Vector256<long> isShorter).AsUInt64();
        exponents = k.AsInt64() - isShorter;
    }

    private static Vector256<long> Choose(Vector256<long> lower, Vector256<long> middle, Vector256<long> upper, out Vector256<long> isShorter)
    {
        Vector256<long> floor = middle >>> 2;
        Vector256<long> tens = (Avx2.Multiply(floor.AsUInt32(), Vector256.Create(0xCCCC_CCCDu)) >>> 35).AsInt64();
        Vector256<long> forty = (tens << 5) + (tens << 3);
        Vector256<long> isBelowOutside = Vector256.GreaterThan(lower, forty);
        Vector256<long> isAboveOutside = Vector256.GreaterThan(forty + Vector256.Create(40L), upper);
        isShorter = (isBelowOutside ^ isAboveOutside) & Vector256.GreaterThan(floor, Vector256.Create(9L));

        Vector256<long> fourFloors = floor << 2;
        Vector256<long> isFloorOutside = Vector256.GreaterThan(lower, fourFloors);
        Vector256<long> isCeilingOutside = Vector256.GreaterThan(fourFloors + Vector256.Create(4L), upper);
        Vector256<long> isOne = isFloorOutside ^ isCeilingOutside;
        Vector256<long> isNearer = Vector256.GreaterThan((middle & Vector256.Create(3L)) + (floor & Vector256<long>.One), Vector256.Create(2L));

        // A mask is minus one.
        Vector256<long> nearest = floor - Vector256.ConditionalSelect(isOne, ~isCeilingOutside, isNearer);
        return Vector256.ConditionalSelect(isShorter, tens + isAboveOutside + Vector256<long>.One, nearest);
    }

    private static Vector256<long> Scale(Vector256<ulong> ten, Vector256<ulong> value)
    {
        Vector256<ulong> low = Avx2.Multiply(ten.AsUInt32(), value.AsUInt32()) >>> 32;
        Vector256<long> product = (Avx2.Multiply((ten >>> 32).AsUInt32(), value.AsUInt32()) + low).AsInt64();
        Vector256<long> lost = Vector256.GreaterThan(product & Vector256.Create((long)uint.MaxValue), Vector256<long>.One);
        return (product >>> 32) | (lost & Vector256<long>.One);
    }
}
