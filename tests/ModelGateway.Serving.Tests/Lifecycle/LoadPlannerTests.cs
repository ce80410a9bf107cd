using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>
/// The planner's rules as tables. A version is spelled <c>number:flags</c>: c complete in the repository, r Ready, n Ready with older
/// files (c: newer ones are there), f failed with these files, l loading, s asleep.
/// </summary>
public class LoadPlannerTests
{
    [Theory]
    [InlineData("nothing there", "latest:1", "", "", "")]
    [InlineData("first version", "latest:1", "1:c", "1", "")]
    [InlineData("newest only", "latest:1", "1:c 2:c", "2", "")]
    [InlineData("two newest, newest first", "latest:2", "1:c 2:c 3:c", "3 2", "")]
    [InlineData("all", "all", "1:c 2:c", "2 1", "")]
    [InlineData("specific", "specific:1,3", "1:c 2:c 3:c", "3 1", "")]
    [InlineData("half-copied is not there yet", "latest:1", "1:c 2:", "1", "")]
    [InlineData("settled and quiet", "latest:1", "1:cr", "", "")]
    [InlineData("the old answers while the new one loads", "latest:1", "1:cr 2:cl", "", "")]
    [InlineData("the old answers before the new one loads", "latest:1", "1:cr 2:c", "2", "")]
    [InlineData("the old drains once the new one is Ready", "latest:1", "1:cr 2:cr", "", "1")]
    [InlineData("the old stays when the new one failed", "latest:1", "1:cr 2:cf", "", "")]
    [InlineData("a failed newest falls back to the one before", "latest:1", "1:c 2:cf", "1", "")]
    [InlineData("failed and alone", "latest:1", "1:cf", "", "")]
    [InlineData("new files for a Ready version", "latest:1", "1:cn", "1", "")]
    [InlineData("new files that failed leave the old ones answering", "latest:1", "1:cnf", "", "")]
    [InlineData("half-copied new files leave the old ones answering", "latest:1", "1:n", "", "")]
    [InlineData("files gone, nothing else", "latest:1", "1:r", "", "1")]
    [InlineData("files gone, the policy names it alone", "specific:2", "1:c 2:r", "", "2")]
    [InlineData("files gone, the other one failed", "latest:1", "1:cf 2:r", "", "2")]
    [InlineData("files gone and a newer one Ready", "latest:1", "1:r 2:cr", "", "1")]
    [InlineData("newest removed: the older one comes back first", "latest:1", "1:c 2:r", "1", "")]
    [InlineData("newest removed: then the newest drains", "latest:1", "1:cr 2:r", "", "2")]
    [InlineData("policy that selects nothing takes nothing down", "specific:9", "1:cr", "", "")]
    [InlineData("loading is not started twice", "all", "1:cl 2:cl", "", "")]
    [InlineData("one of two desired is not Ready yet", "latest:2", "1:cr 2:cr 3:c", "3", "")]
    [InlineData("what sleeps is left asleep", "latest:1", "1:cs 2:cs", "", "")]
    [InlineData("asleep beside one that answers for itself", "all", "1:cr 2:cs", "", "")]
    [InlineData("asleep and to take over", "latest:1", "1:cr 2:cs", "2", "")]
    [InlineData("asleep behind one that failed", "latest:1", "1:cs 2:cf", "", "")]
    [InlineData("files gone, the other one sleeps", "latest:1", "1:cs 2:r", "1", "")]
    [InlineData("one sleeps and one is new", "latest:2", "1:cs 2:c", "2", "")]
    public void Plan_ByRule(string rule, string policy, string versions, string load, string unload)
    {
        LoadPlan plan = LoadPlanner.Plan(ParsePolicy(policy), [], unloadedByOperator: false, inRepository: true, Parse(versions));

        Assert.True((load, unload) == (Join(plan.Load), Join(plan.Unload)), $"{rule}: load '{Join(plan.Load)}', unload '{Join(plan.Unload)}'");
    }

    [Fact]
    public void Plan_LabelledVersion_IsDesiredBesidesThePolicy()
    {
        LoadPlan plan = LoadPlanner.Plan(VersionPolicy.Default, [1], unloadedByOperator: false, inRepository: true, Parse("1:c 2:c 3:c"));

        Assert.Equal("3 1", Join(plan.Load));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Plan_UnloadedOrGone_DrainsAtOnceAndLoadsNothing(bool unloaded, bool inRepository)
    {
        LoadPlan plan = LoadPlanner.Plan(VersionPolicy.Default, [1], unloaded, inRepository, Parse("1:cr 2:c 3:cl"));

        Assert.Equal(("", "1"), (Join(plan.Load), Join(plan.Unload)));
    }

    [Fact]
    public void Plan_AskedTwice_AnswersTheSame()
    {
        List<VersionFacts> facts = Parse("1:cr 2:c 3:cf 4:cl");

        LoadPlan first = LoadPlanner.Plan(new VersionPolicy.All(), [], false, true, facts);
        LoadPlan second = LoadPlanner.Plan(new VersionPolicy.All(), [], false, true, facts);

        Assert.Equal((Join(first.Load), Join(first.Unload)), (Join(second.Load), Join(second.Unload)));
    }

    private static string Join(IReadOnlyList<long> versions) => string.Join(' ', versions);

    private static VersionPolicy ParsePolicy(string text) => text.Split(':') switch
    {
        ["latest", string count] => new VersionPolicy.Latest(int.Parse(count)),
        ["specific", string list] => new VersionPolicy.Specific([.. list.Split(',').Select(long.Parse)]),
        _ => new VersionPolicy.All(),
    };

    private static List<VersionFacts> Parse(string versions) =>
        [.. versions.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(version =>
        {
            string[] parts = version.Split(':');
            string flags = parts[1];
            bool listed = flags.Contains('c') || flags.Contains('n') || flags.Length == 0;
            string? ready = flags.Contains('r') ? "key" : flags.Contains('n') ? "older key" : null;
            return new VersionFacts(
                long.Parse(parts[0]), flags.Contains('c'), listed ? "key" : "", ready, flags.Contains('f') ? "key" : null, flags.Contains('l'), flags.Contains('s'));
        })];
}
