using System.Numerics;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>Whole numbers in plain digits, up to 63 bits: the range of the type is checked, or a part of it.</summary>
internal readonly struct IntegerElement<T, TRange> : IJsonElement<T>
    where T : unmanaged, IBinaryInteger<T>
    where TRange : IIntegerRange
{
    public static bool TryMake(ulong digits, int length, int point, uint negative, out T value) =>
        TryMakeLong(digits, length - point, negative, out value);

    public static bool TryMakeLong(ulong digits, int fraction, uint negative, out T value)
    {
        long number = ((long)digits ^ -(long)negative) + negative;
        value = T.CreateTruncating(number);
        return fraction == 0 & number >= TRange.Min & number <= TRange.Max;
    }

    public static bool TryMake(in JsonDecimal number, out T value)
    {
        value = default;
        return number.IsWhole && number.Digits <= long.MaxValue && TryMakeLong(number.Digits, 0, number.IsNegative ? 1u : 0, out value);
    }
}

/// <summary>The least and the greatest value that an element may have, as far as 64 bits with a sign hold them.</summary>
internal interface IIntegerRange
{
    static abstract long Min { get; }

    static abstract long Max { get; }
}

/// <summary>All that the type holds.</summary>
internal readonly struct WholeRange<T> : IIntegerRange
    where T : IBinaryInteger<T>, IMinMaxValue<T>
{
    public static long Min => long.CreateSaturating(T.MinValue);

    public static long Max => long.CreateSaturating(T.MaxValue);
}

/// <summary>0 and 1, for booleans.</summary>
internal readonly struct BitRange : IIntegerRange
{
    public static long Min => 0;

    public static long Max => 1;
}
