using System.Globalization;
using System.Numerics;

namespace ModelGateway.TestKit.Json;

/// <summary>JSON numbers that are hard to round, and random ones.</summary>
public static class JsonLiterals
{
    private static readonly string[] Hostile =
    [
        "0", "-0", "0.0", "-0.0", "0e0", "0e99999999999", "-0e-99999999999", "1e-99999999999", "4.9e-324", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "2.2250738585072011e-308", "1.17549435e-38", "1.1754942807573643e-38", "7.006492321624085e-46",
        "7.0064923216240854e-46", "5.960464477539063e-8", "2.9802322387695312e-8", "2.98023223876953125e-8", "2.9802322387695313e-8",
        "65504", "65519", "1.000000059604644775390625", "1.00000005960464477539062499999999999999999999999", "16777217", "9007199254740993",
        "1.00390625", "1.003906250000000000000000000000000000001", "1.00390624999999999999999999999999999999", "1.01171875",
        "1.0873095874884785260827030417486237882401002125733419766052505813720197892779939508045572438277304172515869140625E-038",
        "2.3292778940823281113716769087052265335447600671870025273851510386306242385233673530819942243397235870361328125E-038",
        "0.1", "0.2", "0.3", "123456789012345678901234567890", "1e22", "1e23", "8.5e-46", "1E+2", "1e+02", "1e-02",
    ];

    /// <summary>Literals of every size that are JSON numbers, the hard ones first.</summary>
    public static IEnumerable<string> Floats(int count, int seed)
    {
        foreach (string text in Hostile)
        {
            yield return text;
        }

        yield return "0." + new string('0', 20_000) + "1e20001";
        yield return new string('1', 30_000) + "e-30000";
        yield return "1" + new string('0', 400) + "e-400";
        yield return "1.000000059604644775390625" + new string('0', 900) + "1";
        yield return "2.2250738585072011" + new string('3', 1000) + "e-308";
        yield return "0." + new string('0', 323) + new string('4', 1000);
        yield return new string('9', 1000) + "e-995";
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            yield return (i % 6) switch
            {
                0 => Text(BitConverter.Int32BitsToSingle(random.Next()), "R"),
                1 => Text(BitConverter.Int64BitsToDouble(random.NextInt64()), "R"),
                2 => Text((double)BitConverter.UInt16BitsToHalf((ushort)random.Next(0x7C00)), "R"),
                3 => Around(Halfway(random)) is var (exactly, below, above) && random.Next(3) is var pick && pick == 0 ? exactly : pick == 1 ? below : above,
                4 => $"{(random.Next(2) == 0 ? "-" : "")}{random.NextInt64()}.{random.NextInt64()}e{random.Next(-70, 40)}",
                _ => random.NextSingle().ToString("F6", CultureInfo.InvariantCulture),
            };
        }
    }

    /// <summary>Literals as clients write them: shortest floats and doubles, floats widened to doubles, fixed decimals, whole numbers, small and large ones.</summary>
    public static IEnumerable<string> Everyday(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            float single = (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-6, 7));
            double wide = (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-6, 7));
            yield return random.Next(8) switch
            {
                0 => Text(single, "R"),
                1 => Text((double)single, "R"),
                2 => Text(wide, "R"),
                3 => Text(wide, "F" + random.Next(0, 25).ToString(CultureInfo.InvariantCulture)),
                4 => Text((double)random.Next(256), "R"),
                5 => Text((double)random.NextInt64(-(1L << random.Next(1, 63)), 1L << random.Next(1, 63)), "F0"),
                6 => Text(wide, "E" + random.Next(0, 20).ToString(CultureInfo.InvariantCulture)),
                _ => Text(wide, "G" + random.Next(1, 18).ToString(CultureInfo.InvariantCulture)),
            };
        }
    }

    /// <summary>The exact decimal text of a positive value, and texts a hair below and above it.</summary>
    public static (string Exactly, string Below, string Above) Around(double value)
    {
        string text = value.ToString("E800", CultureInfo.InvariantCulture);
        int e = text.IndexOf('E', StringComparison.Ordinal);
        string digits = text[..e].TrimEnd('0').TrimEnd('.');
        string exponent = text[e..];
        string point = digits.Contains('.', StringComparison.Ordinal) ? "" : ".";
        BigInteger all = BigInteger.Parse(digits.Replace(".", "", StringComparison.Ordinal) + "0", CultureInfo.InvariantCulture) - 1;
        string lower = all.ToString(CultureInfo.InvariantCulture);
        return (digits + exponent, $"{lower[0]}.{lower[1..]}9{exponent}", $"{digits}{point}0000000000000000000001{exponent}");
    }

    private static string Text(double value, string format) => double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "1";

    private static string Text(float value, string format) => float.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "1";

    // Between two neighbours of a random type.
    private static double Halfway(Random random)
    {
        ushort bits = (ushort)random.Next(1, 0x7B00);
        int wide = random.Next(1, 0x7F00_0000);
        return random.Next(3) switch
        {
            0 => ((double)BitConverter.UInt16BitsToHalf(bits) + (double)BitConverter.UInt16BitsToHalf((ushort)(bits + 1))) / 2,
            1 => ((double)BitConverter.Int32BitsToSingle(bits << 16) + BitConverter.Int32BitsToSingle((bits + 1) << 16)) / 2,
            _ => ((double)BitConverter.Int32BitsToSingle(wide) + BitConverter.Int32BitsToSingle(wide + 1)) / 2,
        };
    }
}
