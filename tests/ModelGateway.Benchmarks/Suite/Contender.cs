namespace ModelGateway.Benchmarks.Suite;

/// <summary>Who is measured, slice by slice, in turn with the others of its case.</summary>
/// <param name="name">For the table.</param>
internal abstract class Contender(string name)
{
    /// <summary>For the table.</summary>
    public string Name { get; } = name;

    /// <summary>Everything it was measured at, one a round.</summary>
    public List<Sample> Samples { get; } = [];

    /// <summary>Measures for so many seconds, at least one.</summary>
    public abstract Task<Sample> MeasureAsync(double seconds);

    /// <summary>The numbers of its answer, which must be those of the others; null where there are none.</summary>
    public abstract Task<float[]?> AnswerAsync();
}
