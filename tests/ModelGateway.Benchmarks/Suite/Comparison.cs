using System.Globalization;
using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>A bar: one contender against another, or alone.</summary>
/// <param name="Title">For the table.</param>
/// <param name="One">Who is measured.</param>
/// <param name="Other">Against whom; null where it is measured alone.</param>
/// <param name="Bar">What the median of the rounds must reach; null where it is only shown.</param>
/// <param name="Figure">What is compared.</param>
internal sealed record Comparison(string Title, Contender One, Contender? Other, Bar? Bar, Figure Figure)
{
    /// <summary>What the rounds so far gave.</summary>
    public ComparisonRow ToRow()
    {
        double[] ones = [.. One.Samples.Select(Figure.Of)];
        double[] others = Other is null ? [] : [.. Other.Samples.Select(Figure.Of)];
        IEnumerable<double> results = Other is null ? ones : ones.Zip(others, Figure.Compare);
        long failures = One.Samples.Sum(sample => sample.Failures) + (Other?.Samples.Sum(sample => sample.Failures) ?? 0);
        string details = Describe(One) + (Other is null ? "" : $"; {Describe(Other)}") + (failures == 0 ? "" : $"; **{failures} failed**");
        return new ComparisonRow(Title, Spread.Of(results), Bar, details, Other is null || Figure.IsDifference ? Figure.Unit : "");
    }

    private string Describe(Contender contender)
    {
        double perSecond = Spread.Of(contender.Samples.Select(sample => sample.PerSecond)).Median;
        double microseconds = Spread.Of(contender.Samples.Select(sample => sample.CpuMicroseconds)).Median;
        string text = string.Create(CultureInfo.InvariantCulture, $"{contender.Name}: {perSecond:#,0}/s");
        if (!double.IsNaN(microseconds))
        {
            text += string.Create(CultureInfo.InvariantCulture, $", {microseconds:#,0.0} µs CPU");
        }

        return Figure == Figure.Rate ? text : text + string.Create(CultureInfo.InvariantCulture, $", {Spread.Of(contender.Samples.Select(Figure.Of)).Median:#,0.##}{Figure.Unit}");
    }
}
