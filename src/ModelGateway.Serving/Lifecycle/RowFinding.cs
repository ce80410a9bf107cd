namespace ModelGateway.Serving.Lifecycle;

/// <summary>What trying a model's rows has shown.</summary>
/// <param name="Verdict">In short.</param>
/// <param name="Reason">What is in the way, for people; null where nothing is.</param>
internal sealed record RowFinding(RowVerdict Verdict, string? Reason)
{
    /// <summary>Rows that the model took; empty unless they are answered alone.</summary>
    public IReadOnlyList<RowSet> Rows { get; init; } = [];
}

/// <summary>Whether each row is answered by that row alone.</summary>
internal enum RowVerdict
{
    /// <summary>It is.</summary>
    Alone,

    /// <summary>It is not, or the model's inputs and outputs have no rows.</summary>
    Dependent,

    /// <summary>Nobody knows: no rows could be made that the model takes, or there was no time.</summary>
    Untried,
}
