using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class VersionPolicyTests
{
    private static readonly long[] Available = [3, 10, 1, 9223372036854775807, 2];

    public static TheoryData<VersionPolicy, long[]> Selections => new()
    {
        { VersionPolicy.Default, [9223372036854775807] },
        { new VersionPolicy.Latest(1), [9223372036854775807] },
        { new VersionPolicy.Latest(3), [9223372036854775807, 10, 3] },
        { new VersionPolicy.Latest(100), [9223372036854775807, 10, 3, 2, 1] },
        { new VersionPolicy.All(), [9223372036854775807, 10, 3, 2, 1] },
        { new VersionPolicy.Specific([2, 10]), [10, 2] },
        { new VersionPolicy.Specific([10, 2]), [10, 2] },
        { new VersionPolicy.Specific([4, 2]), [2] },
        { new VersionPolicy.Specific([4]), [] },
    };

    [Theory]
    [MemberData(nameof(Selections))]
    public void Select_SomeVersions_GivesTheWantedNewestFirst(VersionPolicy policy, long[] wanted) => Assert.Equal(wanted, policy.Select(Available));

    [Fact]
    public void Select_NoVersions_GivesNone() =>
        Assert.All<VersionPolicy>([new VersionPolicy.Latest(2), new VersionPolicy.All(), new VersionPolicy.Specific([1])], policy => Assert.Empty(policy.Select([])));
}
