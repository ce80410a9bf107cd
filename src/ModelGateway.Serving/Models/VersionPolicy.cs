namespace ModelGateway.Serving.Models;

/// <summary>Which of a model's versions should be loaded. A closed set of cases: latest, all, specific.</summary>
public abstract record VersionPolicy
{
    private VersionPolicy()
    {
    }

    /// <summary>The newest version only.</summary>
    public static VersionPolicy Default { get; } = new Latest(1);

    /// <summary>The wanted ones among <paramref name="available"/>, newest first.</summary>
    public abstract IReadOnlyList<long> Select(IEnumerable<long> available);

    /// <summary>The <paramref name="Count"/> newest versions.</summary>
    /// <param name="Count">At least 1.</param>
    public sealed record Latest(int Count) : VersionPolicy
    {
        /// <inheritdoc/>
        public override IReadOnlyList<long> Select(IEnumerable<long> available) => [.. available.OrderDescending().Take(Count)];
    }

    /// <summary>Every version there is.</summary>
    public sealed record All : VersionPolicy
    {
        /// <inheritdoc/>
        public override IReadOnlyList<long> Select(IEnumerable<long> available) => [.. available.OrderDescending()];
    }

    /// <summary>The versions named; one that is not in the repository is simply not there yet.</summary>
    /// <param name="Versions">Version numbers.</param>
    public sealed record Specific(IReadOnlyList<long> Versions) : VersionPolicy
    {
        /// <inheritdoc/>
        public override IReadOnlyList<long> Select(IEnumerable<long> available) =>
            [.. available.Where(version => Versions.Contains(version)).OrderDescending()];
    }
}
