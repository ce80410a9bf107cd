using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Serving.Tests.Models;

public sealed class NameSuggestionTests
{
    [Theory]
    [InlineData("irs", "iris")]
    [InlineData("iriss", "iris")]
    [InlineData("irsi", "iris")]
    [InlineData("IRIS", "iris")]
    [InlineData("RIis", "iris")]
    [InlineData("iros", "iris")]
    [InlineData("mnst", "mnist")]
    [InlineData("sentimnet-analysis", "sentiment-analysis")]
    public void For_NameWithASlip_SuggestsTheKnownOne(string unknown, string known) =>
        Assert.Equal($" Did you mean '{known}'?", NameSuggestion.For(unknown, ["resnet50", "iris", "mnist", "sentiment-analysis"]));

    [Theory]
    [InlineData("bert")]
    [InlineData("irrigation")]
    [InlineData("")]
    [InlineData("resnet")]
    public void For_NameThatIsNotClose_SuggestsNothing(string unknown) =>
        Assert.Equal("", NameSuggestion.For(unknown, ["iris", "mnist", "resnet50-v1-7"]));

    [Fact]
    public void For_NothingKnown_SuggestsNothing() => Assert.Equal("", NameSuggestion.For("iris", []));

    [Fact]
    public void For_SeveralAreClose_SuggestsTheClosest() => Assert.Equal(" Did you mean 'model-b'?", NameSuggestion.For("model-bb", ["model-c", "model-b", "models"]));

    [Fact]
    public void For_SeveralAreEquallyClose_SuggestsTheFirst() => Assert.Equal(" Did you mean 'input1'?", NameSuggestion.For("input", ["input1", "input2"]));

    // The table of a name of 10 million characters would take the machine's memory.
    [Fact]
    public void For_VeryLongNames_AreNeverClose()
    {
        string longName = new('a', 10_000_000);
        Assert.Equal("", NameSuggestion.For(longName, [longName, "iris"]));
        Assert.Equal("", NameSuggestion.For("iris", [longName]));
    }

    [Fact]
    public void For_LongestNames_AreCompared()
    {
        string known = new('a', 128);
        Assert.Equal($" Did you mean '{known}'?", NameSuggestion.For(new string('a', 127), [known]));
        Assert.Equal("", NameSuggestion.For(new string('a', 129), [known]));
    }
}
