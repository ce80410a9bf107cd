using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>Rounds a double that was itself rounded from decimal digits to a float type.</summary>
internal interface IDoubleRounding<T>
    where T : unmanaged
{
    /// <summary>False where the value is not finite in the type, or the double does not tell what the digits would.</summary>
    /// <param name="exact">The double is the very number, nothing was rounded yet.</param>
    static abstract bool TryRound(double value, bool exact, out T rounded);

    /// <summary>The same for zero and for values from 1e-15 to 1e15.</summary>
    static abstract bool TryRoundModerate(double value, bool exact, out T rounded);

    /// <summary>
    /// The same for zero and for values from 1e-22 to 1e19 where the double may be one of the next but one to the nearest. False always where the type
    /// is too wide for that.
    /// </summary>
    static virtual bool TryRoundAbout(double value, out T rounded)
    {
        rounded = default;
        return false;
    }
}

/// <summary>The roundings to the four float types.</summary>
internal static class DoubleRoundings
{
    internal readonly struct ToDouble : IDoubleRounding<double>
    {
        public static bool TryRound(double value, bool exact, out double rounded)
        {
            rounded = value;
            return double.IsFinite(value);
        }

        public static bool TryRoundModerate(double value, bool exact, out double rounded)
        {
            rounded = value;
            return true;
        }
    }

    internal readonly struct ToSingle : IDoubleRounding<float>
    {
        private const ulong LostBits = (1UL << 29) - 1;
        private const ulong Halfway = 1UL << 28;
        private const ulong Tolerance = 4;
        private const double LeastNormal = 1.17549435082228751e-38;

        public static bool TryRound(double value, bool exact, out float rounded)
        {
            bool decided = TryRoundModerate(value, exact, out rounded);

            // Below the normal floats other bits are lost.
            bool small = Math.Abs(value) < LeastNormal & value != 0;
            return decided & float.IsFinite(rounded) & !small;
        }

        public static bool TryRoundModerate(double value, bool exact, out float rounded)
        {
            rounded = (float)value;
            if ((BitConverter.DoubleToUInt64Bits(value) & LostBits) == Halfway)
            {
                return exact;
            }

            return true;
        }

        public static bool TryRoundAbout(double value, out float rounded)
        {
            rounded = (float)value;
            return (BitConverter.DoubleToUInt64Bits(value) & LostBits) - (Halfway - Tolerance) > Tolerance * 2;
        }
    }

    internal readonly struct ToHalf : IDoubleRounding<Half>
    {
        private const ulong LostBits = (1UL << 42) - 1;
        private const ulong Halfway = 1UL << 41;
        private const double LeastNormal = 6.103515625e-05;

        public static bool TryRound(double value, bool exact, out Half rounded)
        {
            rounded = (Half)value;
            bool halfway = (BitConverter.DoubleToUInt64Bits(value) & LostBits) == Halfway;
            bool small = Math.Abs(value) < LeastNormal & value != 0;
            return Half.IsFinite(rounded) & (exact | !(halfway | small));
        }

        public static bool TryRoundModerate(double value, bool exact, out Half rounded) => TryRound(value, exact, out rounded);
    }

    internal readonly struct ToBFloat16 : IDoubleRounding<ushort>
    {
        public static bool TryRound(double value, bool exact, out ushort rounded)
        {
            rounded = BFloat16Bits.FromDouble(value);
            return float.IsFinite(BFloat16Bits.ToSingle(rounded)) & (exact | !BFloat16Bits.IsHalfway(value));
        }

        public static bool TryRoundModerate(double value, bool exact, out ushort rounded) => TryRound(value, exact, out rounded);
    }
}
