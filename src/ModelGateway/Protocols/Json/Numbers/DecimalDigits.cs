using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// Makes one number of the digits around a decimal point, sixteen bytes at once and without a jump that depends on them: a shuffle puts
/// the digits together, three multiplications join neighbours to pairs, fours and eights.
/// <code>
/// bytes       1 2 . 5 , 0 . 7 ...      sixteen from the number on, its length and the place of its point are known
/// placed      0 ... 0 0 1 2 5          the digits at the right end, zeros before them
/// </code>
/// </summary>
internal static class DecimalDigits
{
    /// <summary>Bytes that are read, however many of them count.</summary>
    public const int Window = DecimalLayouts.Longest;

    /// <summary>No longer number is read.</summary>
    public const int Longest = Window * 2;

    // Sixteen digits behind so many make less than 2^63.
    private const ulong MostHead = 899;
    private const ulong TenToSixteen = 10_000_000_000_000_000;
    private const ulong TenToFifteen = 1_000_000_000_000_000;

    /// <summary>Whether this machine has the instructions.</summary>
    public static bool IsSupported => Sse41.IsSupported;

    /// <summary>The digits of a number of 1 to 16 bytes at <paramref name="start"/>, from where a window must be readable.</summary>
    /// <param name="point">Its place in the number; the length where there is none.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Join(ref byte start, int length, int point)
    {
        // Where the shuffle gave zero, there is nothing to subtract from.
        Vector128<byte> placed = Ssse3.Shuffle(Vector128.LoadUnsafe(ref start), DecimalLayouts.Shuffle(length, point));
        Vector128<byte> values = Sse2.SubtractSaturate(placed, Vector128.Create((byte)'0'));
        Vector128<short> pairs = Ssse3.MultiplyAddAdjacent(values, Vector128.Create((ushort)(10 | (1 << 8))).AsSByte());
        Vector128<int> fours = Sse2.MultiplyAddAdjacent(pairs, Vector128.Create(100 | (1 << 16)).AsInt16());
        Vector128<short> packed = Sse41.PackUnsignedSaturate(fours, fours).AsInt16();
        Vector128<int> eights = Sse2.MultiplyAddAdjacent(packed, Vector128.Create(10_000 | (1 << 16)).AsInt16());
        ulong both = eights.AsUInt64().ToScalar();
        return ((both & uint.MaxValue) * 100_000_000) + (both >> 32);
    }

    /// <summary>
    /// The same for a number of 17 to 32 bytes; below 2^63. False where it has more than 19 digits, and for some that have 18 or 19.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryJoinLong(ref byte start, int length, int point, out ulong digits)
    {
        // The last sixteen bytes, and the head before them. Where there is a point among the last, fifteen digits are. All without
        // a jump: where the point stands is chance, in numbers of changing length.
        int head = length - Window;
        int behindHead = point - head;
        int ifInHead = behindHead >> 31;
        int pointInLast = behindHead + ((Window - behindHead) & ifInHead);
        int pointInHead = head + (behindHead & ifInHead);
        ulong ifNoneInLast = 0 - (ulong)((uint)pointInLast / Window);
        ulong lastDigits = Join(ref Unsafe.Add(ref start, (uint)head), Window, pointInLast);
        ulong headDigits = Join(ref start, head, pointInHead);
        digits = (headDigits * (TenToFifteen + (ifNoneInLast & (TenToSixteen - TenToFifteen)))) + lastDigits;
        return headDigits <= MostHead;
    }
}
