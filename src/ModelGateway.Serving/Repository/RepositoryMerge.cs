namespace ModelGateway.Serving.Repository;

/// <summary>
/// Makes one listing of those of several repositories, which share one name space. A pure function: every rule stands in a table test.
/// </summary>
/// <remarks>
/// The rules:
/// 1. A repository that was not read yet offers nothing, and makes the whole incomplete.
/// 2. A name that one repository offers is taken as it is.
/// 3. A name that several offer is taken from none of them, and is a conflict that names them all.
/// </remarks>
internal static class RepositoryMerge
{
    /// <param name="repositories">Each with its name as operators know it, and its last good listing.</param>
    public static RepositoryListing Merge(IReadOnlyCollection<(string Name, RepositoryListing? Listing)> repositories)
    {
        var offers = new Dictionary<string, List<(string Repository, ModelListing Model)>>(StringComparer.Ordinal);
        var problems = new List<string>();
        foreach ((string name, RepositoryListing? listing) in repositories)
        {
            problems.AddRange(listing?.Problems ?? []);
            foreach (ModelListing model in listing?.Models.Values ?? [])
            {
                if (!offers.TryGetValue(model.Name, out List<(string, ModelListing)>? known))
                {
                    offers[model.Name] = known = [];
                }

                known.Add((name, model));
            }
        }

        return new RepositoryListing(
            offers.Values.Where(offer => offer.Count == 1).ToDictionary(offer => offer[0].Model.Name, offer => offer[0].Model, StringComparer.Ordinal), problems)
        {
            Conflicts = offers.Where(offer => offer.Value.Count > 1).ToDictionary(
                offer => offer.Key, offer => Describe(offer.Key, [.. offer.Value.Select(from => from.Repository).Order(StringComparer.Ordinal)]), StringComparer.Ordinal),
            IsComplete = repositories.All(repository => repository.Listing is not null),
        };
    }

    private static string Describe(string model, string[] repositories) =>
        $"'{model}' is offered by {string.Join(", ", repositories[..^1])} and {repositories[^1]}: nothing new of it is loaded until only one of them has it. "
        + "Remove it from the others, or give them a NamePrefix.";
}
