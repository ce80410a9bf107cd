namespace ModelGateway.TestKit.Measuring;

/// <summary>What several rounds of one measurement gave.</summary>
/// <param name="Median">The middle one; the mean of the two middle ones where their number is even.</param>
/// <param name="Smallest">The smallest.</param>
/// <param name="Largest">The largest.</param>
public readonly record struct Spread(double Median, double Smallest, double Largest)
{
    /// <summary>Of at least one value, in any order.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0
            ? throw new ArgumentException("There is nothing to take the median of.", nameof(values))
            : new Spread((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[0], sorted[^1]);
    }
}
