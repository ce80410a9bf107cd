using System.Globalization;

namespace ModelGateway.TestKit.Measuring;

/// <summary>One line of a table of comparisons.</summary>
/// <param name="Title">What was compared with what.</param>
/// <param name="Result">The ratios of the rounds, or whatever else <paramref name="Unit"/> says.</param>
/// <param name="Bar">What the median must reach; null where nothing is asked.</param>
/// <param name="Details">The figures behind it, for people.</param>
/// <param name="Unit">Written behind the numbers; empty for a ratio.</param>
public sealed record ComparisonRow(string Title, Spread Result, Bar? Bar, string Details, string Unit = "")
{
    /// <summary>Whether the bar is reached; true where there is none.</summary>
    public bool IsReached => Bar?.IsReached(Result.Median) ?? true;

    /// <summary>The median with its unit, to three digits.</summary>
    public string Median => Number(Result.Median) + Unit;

    /// <summary>Smallest to largest.</summary>
    public string Range => $"{Number(Result.Smallest)}–{Number(Result.Largest)}";

    private static string Number(double value) => Math.Abs(value) switch
    {
        < 10 => value.ToString("0.00", CultureInfo.InvariantCulture),
        < 100 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("#,0", CultureInfo.InvariantCulture),
    };
}
