using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>What the planner knows of one version.</summary>
/// <param name="Version">The number.</param>
/// <param name="Loadable">It is in the repository, complete, and need not wait for a retry.</param>
/// <param name="Key">Changes whenever the version must be loaded anew.</param>
/// <param name="ReadyKey">The key of what answers now, or null.</param>
/// <param name="FailedKey">The key whose load failed last, or null.</param>
/// <param name="IsLoading">A loader has it.</param>
/// <param name="IsAsleep">It is loaded when a request asks for it.</param>
internal readonly record struct VersionFacts(long Version, bool Loadable, string Key, string? ReadyKey, string? FailedKey, bool IsLoading, bool IsAsleep = false);

/// <summary>What should be done for one model, now.</summary>
/// <param name="Load">Versions to load, newest first.</param>
/// <param name="Unload">Versions to drain.</param>
/// <param name="Desired">Versions that should answer.</param>
internal sealed record LoadPlan(IReadOnlyList<long> Load, IReadOnlyList<long> Unload, IReadOnlyList<long> Desired);

/// <summary>
/// From the state of a model's versions to the next steps. A pure function: no clock, no I/O, no memory, so that asking twice
/// gives the same answer and every rule stands in a table test.
/// </summary>
/// <remarks>
/// The rules:
/// 1. A version that failed is passed over by the policy: <c>latest: 1</c> then means the newest that works.
/// 2. A version that answers goes on answering until every desired version is Ready; only then it drains.
/// 3. A model that left the repository, or that the operator unloaded, drains at once.
/// 4. Where the policy finds nothing to serve, what answers now stays as long as its files do: a typo in a policy takes no model
///    down, and a removed version goes.
/// 5. A version that sleeps is left asleep, unless it has to take over from one that answers.
/// </remarks>
internal static class LoadPlanner
{
    public static LoadPlan Plan(VersionPolicy policy, IReadOnlyCollection<long> labelled, bool unloadedByOperator, bool inRepository, IReadOnlyList<VersionFacts> versions)
    {
        if (unloadedByOperator || !inRepository)
        {
            return new LoadPlan([], [.. versions.Where(IsReady).Select(facts => facts.Version)], []);
        }

        List<VersionFacts> candidates = [.. versions.Where(facts => IsReady(facts) || facts.IsLoading || (facts.Loadable && facts.FailedKey != facts.Key))];

        // A version whose folder is gone is still Ready, yet no longer one to choose from.
        IEnumerable<long> available = candidates.Where(facts => facts.Key.Length > 0).Select(facts => facts.Version);
        HashSet<long> selected = [.. policy.Select(available)];
        selected.UnionWith(available.Where(labelled.Contains));
        List<VersionFacts> desired = [.. candidates.Where(facts => selected.Contains(facts.Version)).OrderByDescending(facts => facts.Version)];

        // What takes over has to be there first.
        bool isTakenOver = versions.Any(facts => IsReady(facts) && !selected.Contains(facts.Version));

        // With nothing desired at all, only what has lost its files goes.
        bool MayDrain(VersionFacts facts) => IsReady(facts) && !selected.Contains(facts.Version) && (desired.Count > 0 || facts.Key.Length == 0);
        return new LoadPlan(
            [.. desired.Where(facts => NeedsLoad(facts) && (!facts.IsAsleep || isTakenOver)).Select(facts => facts.Version)],
            desired.All(IsReady) ? [.. versions.Where(MayDrain).Select(facts => facts.Version)] : [],
            [.. desired.Select(facts => facts.Version)]);
    }

    private static bool IsReady(VersionFacts facts) => facts.ReadyKey is not null;

    private static bool NeedsLoad(VersionFacts facts) =>
        facts.Loadable && !facts.IsLoading && facts.Key != facts.ReadyKey && facts.Key != facts.FailedKey;
}
