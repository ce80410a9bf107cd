using System.Globalization;

namespace ModelGateway.TestKit.Measuring;

/// <summary>What a measurement is held against.</summary>
/// <param name="Value">The bar.</param>
/// <param name="IsCeiling">Whether the measurement must not be above it; otherwise not below it.</param>
public readonly record struct Bar(double Value, bool IsCeiling)
{
    /// <summary>Reached by this value and by larger ones.</summary>
    public static Bar AtLeast(double value) => new(value, IsCeiling: false);

    /// <summary>Reached by this value and by smaller ones.</summary>
    public static Bar AtMost(double value) => new(value, IsCeiling: true);

    /// <summary>Whether a measurement reaches it.</summary>
    public bool IsReached(double measured) => IsCeiling ? measured <= Value : measured >= Value;

    /// <summary>How good a measurement is in terms of the bar: 1 reaches it just so, 2 is twice as good.</summary>
    public double Share(double measured) => IsCeiling ? Value / measured : measured / Value;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(IsCeiling ? "≤" : "≥")} {Value:0.##}");
}
