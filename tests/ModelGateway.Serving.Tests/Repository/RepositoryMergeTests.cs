using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class RepositoryMergeTests
{
    // Repositories as "location: models", parted by bars; a question mark stands for one that was not read.
    [Theory]
    [InlineData("a: x y", "x y", "", true)]
    [InlineData("a: x | b: y", "x y", "", true)]
    [InlineData("a: x y | b: y z", "x z", "y", true)]
    [InlineData("a: x | b: x | c: x", "", "x", true)]
    [InlineData("a: x | b: ?", "x", "", false)]
    [InlineData("a: x y | b: y | c: ?", "x", "y", false)]
    [InlineData("a: | b: ?", "", "", false)]
    [InlineData("a: | b:", "", "", true)]
    public void Merge_Repositories_TakesWhatOneAloneOffers(string repositories, string models, string conflicts, bool isComplete)
    {
        RepositoryListing merged = RepositoryMerge.Merge([.. repositories.Split('|', StringSplitOptions.TrimEntries).Select(Parse)]);

        Assert.Equal(models, string.Join(' ', merged.Models.Keys.Order(StringComparer.Ordinal)));
        Assert.Equal(conflicts, string.Join(' ', merged.Conflicts.Keys.Order(StringComparer.Ordinal)));
        Assert.Equal(isComplete, merged.IsComplete);
    }

    [Fact]
    public void Merge_Conflict_NamesAllThatOfferIt()
    {
        RepositoryListing merged = RepositoryMerge.Merge([Parse("s3://b: x"), Parse("gs://a: x"), Parse("c:")]);

        Assert.StartsWith("'x' is offered by gs://a and s3://b: nothing new of it is loaded", merged.Conflicts["x"], StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_Problems_AreThoseOfAll()
    {
        RepositoryListing one = new(new Dictionary<string, ModelListing>(), ["first"]);
        RepositoryListing other = new(new Dictionary<string, ModelListing>(), ["second"]);

        Assert.Equal(["first", "second"], RepositoryMerge.Merge([("a", one), ("b", other), ("c", null)]).Problems);
    }

    private static (string, RepositoryListing?) Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        string[] models = text[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (text[..colon], models is ["?"] ? null : new RepositoryListing(models.ToDictionary(model => model, model => new ModelListing(model, null, [])), []));
    }
}
