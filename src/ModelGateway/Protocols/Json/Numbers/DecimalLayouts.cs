using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// What follows from how many bytes a number without sign and exponent has and which of them is the point: how to put its digits
/// together, and by which power of ten to divide them. Looked up, since no jump may depend on either. The place of the point is the length where
/// there is none.
/// </summary>
internal static class DecimalLayouts
{
    /// <summary>Numbers may be this long; sixteen bytes are shuffled at once.</summary>
    public const int Longest = 16;

    private const int Points = 16;

    // A row for each length; the last is one longer, for sixteen digits without a point.
    private const int Count = (Longest * Points) + Longest + 1;
    private const int NegativeDivisors = Longest * Points;
    private const int Nothing = 0x80;
    private static readonly byte[] Shuffles = MakeShuffles();
    private static readonly double[] Divisors = MakeDivisors();

    /// <summary>For each of sixteen places, the last of which is the last digit's, the byte that belongs there; zero before the first digit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Shuffle(int length, int point) =>
        Vector128.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(Shuffles), (nuint)(uint)((length * Points) + point) * Longest);

    /// <summary>The power of ten, with the number's sign. For numbers of less than sixteen bytes.</summary>
    /// <param name="negative">0 or 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Divisor(int length, int point, uint negative) =>
        Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Divisors), (negative * NegativeDivisors) + (uint)(length * Points) + (uint)point);

    private static byte[] MakeShuffles()
    {
        byte[] shuffles = new byte[Count * Longest];
        shuffles.AsSpan().Fill(Nothing);
        for (int length = 1; length <= Longest; length++)
        {
            for (int point = 0; point <= length; point++)
            {
                Span<byte> shuffle = shuffles.AsSpan(((length * Points) + point) * Longest, Longest);
                int place = Longest;
                for (int from = length - 1; from >= 0; from--)
                {
                    if (from != point)
                    {
                        shuffle[--place] = (byte)from;
                    }
                }
            }
        }

        return shuffles;
    }

    private static double[] MakeDivisors()
    {
        double[] divisors = new double[NegativeDivisors * 2];
        for (int length = 1; length < Longest; length++)
        {
            for (int point = 0; point <= length; point++)
            {
                double divisor = DecimalToDouble.ExactPower(Math.Max(length - point - 1, 0));
                divisors[(length * Points) + point] = divisor;
                divisors[NegativeDivisors + (length * Points) + point] = -divisor;
            }
        }

        return divisors;
    }
}
