using System.Runtime.CompilerServices;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// The shortest decimal number that reads back as the same float, and of several the nearest: the algorithm Schubfach (R. Giulietti,
/// "The Schubfach way to render doubles", 2021). Two candidates a unit of the last digit apart, then two ten units apart, are held against the ends of the interval
/// that rounds to the value; all in whole numbers with two bits behind the point and a third that says whether anything is behind those.
/// </summary>
/// <remarks>An end of the interval belongs to it where the value's last bit is zero, as ties are read to even.</remarks>
internal static class ShortestDecimal
{
    private const int LeastTenOfSingle = -31;
    private const int GreatestTenOfSingle = 45;

    private static readonly ulong[] TensOfSingle = MakeTensOfSingle();

    /// <summary>digits * 10^exponent for a finite value above zero: at most 9 digits, the last of which may be zeros.</summary>
    public static uint Of(float value, out int exponent)
    {
        const int Bias = 150;
        const uint HiddenBit = 1u << 23;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint fraction = bits & (HiddenBit - 1);
        int biased = (int)(bits >> 23) & 0xFF;
        uint significand = biased == 0 ? fraction : fraction | HiddenBit;
        int power = Math.Max(biased, 1) - Bias;
        if (power is <= 0 and > -24 && (significand & ((1u << -power) - 1)) == 0)
        {
            exponent = 0;
            return significand >> -power;
        }

        // The neighbour below a power of two is nearer.
        bool isPower = fraction == 0 && biased > 1;
        int k = FloorLog10(power, isPower);
        int shift = power + FloorLog2OfTen(-k) + 1;
        ulong ten = TenOfSingle(-k);
        uint odd = significand & 1;
        uint lower = Scale(ten, ((4 * significand) - 2 + (isPower ? 1u : 0)) << shift) + odd;
        uint middle = Scale(ten, (4 * significand) << shift);
        uint upper = Scale(ten, ((4 * significand) + 2) << shift) - odd;
        exponent = k;
        return (uint)Choose(lower, middle, upper, ref exponent);
    }

    private static ulong[] MakeTensOfSingle()
    {
        ulong[] tens = new ulong[GreatestTenOfSingle - LeastTenOfSingle + 1];
        for (int i = 0; i < tens.Length; i++)
        {
            int exponent = LeastTenOfSingle + i;
            tens[i] = PowersOfFive.High(exponent) + (PowersOfFive.IsWhole64(exponent) ? 0UL : 1);
        }

        return tens;
    }

    /// <summary>The upper 64 bits of 10^<paramref name="exponent"/>, rounded up, for every exponent that a float needs.</summary>
    public static ulong TenOfSingle(int exponent) => TensOfSingle[exponent - LeastTenOfSingle];

    /// <summary>The same for doubles: at most 17 digits.</summary>
    public static ulong Of(double value, out int exponent)
    {
        const int Bias = 1075;
        const ulong HiddenBit = 1UL << 52;
        ulong bits = BitConverter.DoubleToUInt64Bits(value);
        ulong fraction = bits & (HiddenBit - 1);
        int biased = (int)(bits >> 52) & 0x7FF;
        ulong significand = biased == 0 ? fraction : fraction | HiddenBit;
        int power = Math.Max(biased, 1) - Bias;
        if (power is <= 0 and > -53 && (significand & ((1UL << -power) - 1)) == 0)
        {
            exponent = 0;
            return significand >> -power;
        }

        bool isPower = fraction == 0 && biased > 1;
        int k = FloorLog10(power, isPower);
        int shift = power + FloorLog2OfTen(-k) + 1;
        ulong high = PowersOfFive.High(-k);
        ulong low = PowersOfFive.Low(-k);
        if (!PowersOfFive.IsCeiling(-k))
        {
            low++;
            high += low == 0 ? 1UL : 0;
        }

        uint odd = (uint)significand & 1;
        ulong lower = Scale(high, low, ((4 * significand) - 2 + (isPower ? 1u : 0)) << shift) + odd;
        ulong middle = Scale(high, low, (4 * significand) << shift);
        ulong upper = Scale(high, low, ((4 * significand) + 2) << shift) - odd;
        exponent = k;
        return Choose(lower, middle, upper, ref exponent);
    }

    // Which candidate it is depends on chance, so all are looked at and none is jumped to.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Choose(ulong lower, ulong middle, ulong upper, ref int exponent)
    {
        ulong floor = middle / 4;
        ulong tens = floor / 10;
        uint isBelowInside = lower <= 40 * tens ? 1u : 0;
        uint isAboveInside = (40 * tens) + 40 <= upper ? 1u : 0;

        // Of a single digit no shorter one is looked for.
        uint isShorter = (isBelowInside ^ isAboveInside) & (floor >= 10 ? 1u : 0);
        uint isFloorInside = lower <= 4 * floor ? 1u : 0;
        uint isCeilingInside = (4 * floor) + 4 <= upper ? 1u : 0;
        uint isOne = isFloorInside ^ isCeilingInside;

        // Behind the floor: more than a half, or a half and the floor is odd.
        uint isNearer = (((uint)middle & 3) + ((uint)floor & 1)) > 2 ? 1u : 0;
        ulong nearest = floor + ((isOne & isCeilingInside) | (~isOne & isNearer));
        exponent += (int)isShorter;
        ulong mask = 0 - (ulong)isShorter;
        return ((tens + isAboveInside) & mask) | (nearest & ~mask);
    }

    // The product's upper 32 bits of 96, the last of them one if anything was lost in the next 32 but their last.
    private static uint Scale(ulong ten, uint value)
    {
        ulong upper = ((ten >> 32) * value) + (((uint)ten * (ulong)value) >> 32);
        return (uint)(upper >> 32) | ((uint)upper > 1 ? 1u : 0);
    }

    private static ulong Scale(ulong high, ulong low, ulong value)
    {
        ulong carry = Math.BigMul(low, value, out _);
        ulong upper = Math.BigMul(high, value, out ulong lower);
        lower += carry;
        upper += lower < carry ? 1UL : 0;
        return upper | (lower > 1 ? 1UL : 0);
    }

    // floor(log10(2^power)), or of three quarters of it.
    private static int FloorLog10(int power, bool threeQuarters) => ((power * 1_262_611) - (threeQuarters ? 524_031 : 0)) >> 22;

    // floor(log2(10^exponent))
    private static int FloorLog2OfTen(int exponent) => (exponent * 1_741_647) >> 19;
}
