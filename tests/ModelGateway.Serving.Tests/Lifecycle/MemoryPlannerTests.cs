using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>
/// The rules as a table. What is in memory is spelled <c>name:bytes:used</c>, the last the time of its last use, with a star where a request
/// holds it.
/// </summary>
public class MemoryPlannerTests
{
    [Theory]
    [InlineData("room for all", 100, 0, 0, false, 40, true, "a:30:1", "Load", "")]
    [InlineData("exactly full", 100, 0, 0, false, 70, true, "a:30:1", "Load", "")]
    [InlineData("no room and nobody asked", 100, 0, 0, false, 71, false, "a:30:1", "Sleep", "")]
    [InlineData("the one used longest ago goes", 100, 0, 0, false, 50, true, "a:30:2 b:30:1", "Wait", "b")]
    [InlineData("as many as it takes", 100, 0, 0, false, 80, true, "a:30:2 b:30:1 c:10:3", "Wait", "b a")]
    [InlineData("an idle one before a busy one", 100, 0, 0, false, 50, true, "a:30:1* b:30:2", "Wait", "b")]
    [InlineData("a busy one where no idle one is left", 100, 0, 0, false, 90, true, "a:30:1* b:30:2", "Wait", "b a")]
    [InlineData("what drains is enough", 100, 40, 0, false, 50, true, "a:40:1", "Wait", "")]
    [InlineData("what drains is not enough", 100, 20, 0, false, 70, true, "a:40:1", "Wait", "a")]
    [InlineData("a load under way may make room later", 100, 0, 90, false, 50, true, "", "Wait", "")]
    [InlineData("one that is awaited may go later", 100, 0, 0, true, 200, true, "", "Wait", "")]
    [InlineData("larger than the budget: the others go first", 100, 0, 0, false, 200, true, "a:30:1", "Wait", "a")]
    [InlineData("larger than the budget and alone", 100, 0, 0, false, 200, true, "", "Load", "")]
    [InlineData("no bound", long.MaxValue, 0, 0, false, 200, false, "a:30:1", "Load", "")]
    public void Plan_ByRule(string rule, long budget, long draining, long loading, bool isAwaited, long bytes, bool isAskedFor, string inMemory, string admission, string evict)
    {
        List<(string Name, Resident Resident)> residents = [.. inMemory.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => (text.Split(':')[0], Parse(text)))];
        var facts = new MemoryFacts(budget, residents.Sum(resident => resident.Resident.Bytes) + draining, draining, loading, isAwaited);

        MemoryPlan plan = MemoryPlanner.Plan(facts, bytes, isAskedFor, residents.Select(resident => resident.Resident));

        string evicted = string.Join(' ', plan.Evict.Select(version => version.Id.Model));
        Assert.True((admission, evict) == (plan.Admission.ToString(), evicted), $"{rule}: {plan.Admission} '{evicted}'");
    }

    private static Resident Parse(string text)
    {
        string[] parts = text.Split(':');
        return new Resident(new VersionSlot(new ServableId(parts[0], 1)), long.Parse(parts[1]), !parts[2].EndsWith('*'), long.Parse(parts[2].TrimEnd('*')));
    }
}
