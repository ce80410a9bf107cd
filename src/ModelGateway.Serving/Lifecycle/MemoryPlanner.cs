namespace ModelGateway.Serving.Lifecycle;

/// <summary>What loaded models take up, all in bytes by estimate.</summary>
/// <param name="Budget">What they may take up together.</param>
/// <param name="InMemory">What is in memory now, with what drains.</param>
/// <param name="Draining">The part of it that goes as soon as the requests under way are answered.</param>
/// <param name="Loading">Set aside for loads under way.</param>
/// <param name="IsAwaited">A version that is Ready has requests that waited for it and have not come to it yet: soon it may go.</param>
internal readonly record struct MemoryFacts(long Budget, long InMemory, long Draining, long Loading, bool IsAwaited);

/// <summary>A version in memory that could be unloaded and come back on demand.</summary>
/// <param name="Version">It.</param>
/// <param name="Bytes">What it takes up.</param>
/// <param name="IsIdle">No request holds it.</param>
/// <param name="LastUsed">When a request last took hold of it; any clock that only rises.</param>
internal readonly record struct Resident(VersionSlot Version, long Bytes, bool IsIdle, long LastUsed);

/// <summary>What becomes of a load.</summary>
internal enum Admission
{
    /// <summary>It begins.</summary>
    Load,

    /// <summary>It is asked about again when something has changed.</summary>
    Wait,

    /// <summary>It is not worth another's place: a request will ask for it.</summary>
    Sleep,
}

/// <summary>The answer for one load.</summary>
/// <param name="Admission">What becomes of it.</param>
/// <param name="Evict">What is unloaded for it.</param>
internal sealed record MemoryPlan(Admission Admission, IReadOnlyList<VersionSlot> Evict);

/// <summary>Whether a load may begin, and what goes for it. A pure function, like <see cref="LoadPlanner"/>.</summary>
/// <remarks>
/// The rules:
/// 1. What fits begins.
/// 2. What nobody asked for takes no other's place.
/// 3. Otherwise those go that were used longest ago, idle ones first; a busy one answers the requests that hold it.
/// 4. A load waits for memory only as long as waiting can bring some. Then it begins, over the budget: a model that is larger than the
///    budget, or new versions of pinned models, must not wait for ever.
/// </remarks>
internal static class MemoryPlanner
{
    /// <param name="facts">What is taken.</param>
    /// <param name="bytes">What the load needs.</param>
    /// <param name="isAskedFor">A request, the operator, or a version that is to be replaced waits for it.</param>
    /// <param name="residents">What may be unloaded for it.</param>
    public static MemoryPlan Plan(in MemoryFacts facts, long bytes, bool isAskedFor, IEnumerable<Resident> residents)
    {
        long missing = bytes - (facts.Budget - facts.InMemory - facts.Loading);
        if (missing <= 0)
        {
            return new MemoryPlan(Admission.Load, []);
        }

        if (!isAskedFor)
        {
            return new MemoryPlan(Admission.Sleep, []);
        }

        missing -= facts.Draining;
        var evicted = new List<VersionSlot>();
        foreach (Resident resident in residents.OrderByDescending(resident => resident.IsIdle).ThenBy(resident => resident.LastUsed))
        {
            if (missing <= 0)
            {
                break;
            }

            evicted.Add(resident.Version);
            missing -= resident.Bytes;
        }

        bool canChange = facts.Draining > 0 || facts.Loading > 0 || facts.IsAwaited || evicted.Count > 0;
        return new MemoryPlan(canChange ? Admission.Wait : Admission.Load, evicted);
    }
}
