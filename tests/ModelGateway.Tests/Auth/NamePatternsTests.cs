using ModelGateway.Auth;
using Xunit;

namespace ModelGateway.Tests.Auth;

public sealed class NamePatternsTests
{
    [Theory]
    [InlineData("iris", "iris", true)]
    [InlineData("iris", "iris2", false)]
    [InlineData("iris", "Iris", false)]
    [InlineData("ir*", "iris", true)]
    [InlineData("ir*", "ir", true)]
    [InlineData("*is", "iris", true)]
    [InlineData("*is", "iriss", false)]
    [InlineData("i*s", "is", true)]
    [InlineData("team-a.*", "team-a.iris", true)]
    [InlineData("team-a.*", "team-axiris", false)]
    [InlineData("*a*b*", "xxaxxbxx", true)]
    [InlineData("*a*b*", "xxbxxaxx", false)]
    [InlineData("a*a", "a", false)]
    [InlineData("*", "anything", true)]
    [InlineData("**", "anything", true)]
    [InlineData("", "anything", false)]
    [InlineData("i?is", "iris", false)]
    [InlineData("[i]ris", "iris", false)]
    public void Matches_Pattern_AsItSays(string pattern, string name, bool expected) =>
        Assert.Equal(expected, new NamePatterns([pattern]).Matches(name));

    [Fact]
    public void Matches_HostilePattern_EndsSoon()
    {
        string pattern = string.Concat(Enumerable.Repeat("*a", 5000)) + "b";
        Assert.False(new NamePatterns([pattern]).Matches(new string('a', 128)));
    }
}
