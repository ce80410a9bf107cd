using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// What stands where in 64 bytes of an array, as masks with one bit a byte, and which of the numbers in them are certainly JSON: the
/// grammar is checked for all at once. The block begins where a number begins.
/// <code>
/// 1.5,-2,007,4    the text
/// ...1..1.....    Ends, those before the first fault: the third number has a zero before other digits
/// .1..........    Points
/// 1....1.1...1    FirstDigits
/// .....1......    Negative
/// </code>
/// </summary>
internal readonly ref struct NumberBlock
{
    public const int Size = 64;

    /// <summary>Each comma, and the first bracket, that ends a number that is right.</summary>
    public readonly ulong Ends;
    public readonly ulong Points;

    /// <summary>Where numbers begin, without their sign.</summary>
    public readonly ulong FirstDigits;

    /// <summary>Of these, those that have a sign.</summary>
    public readonly ulong Negative;

    /// <summary>Nothing but numbers, some of which may go on behind the block.</summary>
    public readonly bool IsSound;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public NumberBlock(ref byte block)
    {
        ulong commas = Find(ref block, (byte)',');
        ulong brackets = Find(ref block, (byte)']');
        ulong points = Find(ref block, (byte)'.');
        ulong signs = Find(ref block, (byte)'-');
        ulong blanks = Find(ref block, (byte)' ');
        ulong zeros = Find(ref block, (byte)'0');
        ulong digits = FindDigits(ref block);

        // A shift to the left looks at the byte before.
        ulong starts = (((commas | blanks) << 1) | 1) & ~blanks;
        ulong negative = (starts & signs) << 1;
        ulong firstDigits = (starts & ~signs) | negative;

        // The sum carries each number's first bit over what is neither point nor end, to the first that is.
        ulong between = ~(points | commas | brackets);
        ulong firstMarks = (firstDigits + between) & ~between;
        ulong others = ~(digits | points | signs | blanks | commas | brackets);
        ulong faults = others
            | (brackets << 1)
            | (blanks & ~(commas << 1))
            | (signs & ~starts)
            | (firstDigits & ~digits)
            | (((firstDigits & zeros) << 1) & digits)
            | (points & ~firstMarks)
            | ((points << 1) & ~digits);
        Ends = (commas | brackets) & ~faults & (faults - 1);
        IsSound = faults == 0;
        Points = points;
        FirstDigits = firstDigits;
        Negative = negative;
    }

    private static ulong Find(ref byte block, byte value)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return Vector512.Equals(Vector512.LoadUnsafe(ref block), Vector512.Create(value)).ExtractMostSignificantBits();
        }

        Vector256<byte> values = Vector256.Create(value);
        uint low = Vector256.Equals(Vector256.LoadUnsafe(ref block), values).ExtractMostSignificantBits();
        uint high = Vector256.Equals(Vector256.LoadUnsafe(ref block, (nuint)Vector256<byte>.Count), values).ExtractMostSignificantBits();
        return low | ((ulong)high << Vector256<byte>.Count);
    }

    private static ulong FindDigits(ref byte block)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<byte> values = Vector512.LoadUnsafe(ref block) - Vector512.Create((byte)'0');
            return Vector512.LessThan(values, Vector512.Create((byte)10)).ExtractMostSignificantBits();
        }

        return FindDigits(Vector256.LoadUnsafe(ref block)) | ((ulong)FindDigits(Vector256.LoadUnsafe(ref block, (nuint)Vector256<byte>.Count)) << Vector256<byte>.Count);
    }

    private static uint FindDigits(Vector256<byte> bytes)
    {
        Vector256<byte> values = bytes - Vector256.Create((byte)'0');
        return Vector256.Equals(Vector256.Min(values, Vector256.Create((byte)9)), values).ExtractMostSignificantBits();
    }
}
