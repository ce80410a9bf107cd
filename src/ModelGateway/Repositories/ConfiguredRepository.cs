namespace ModelGateway.Repositories;

/// <summary>One repository as the configuration names it, by <c>Gateway:Repository</c> or by an entry of <c>Gateway:Repositories</c>.</summary>
/// <param name="Key">The setting that holds its location, for messages.</param>
/// <param name="Uri">A URI of a known scheme, or a path.</param>
/// <param name="NamePrefix">Stands before the names of its models; may be empty.</param>
/// <param name="PollInterval">Null where none is set for it.</param>
/// <param name="Settings">The section of a store, by its name: that of the repository over that of all.</param>
internal sealed record ConfiguredRepository(string Key, string Uri, string NamePrefix, TimeSpan? PollInterval, Func<string, IConfiguration> Settings)
{
    /// <summary>All repositories, faultless or not.</summary>
    /// <param name="options">What is bound from <paramref name="gateway"/>.</param>
    /// <param name="gateway">The section <c>Gateway</c>.</param>
    public static IReadOnlyList<ConfiguredRepository> Read(GatewayOptions options, IConfiguration gateway)
    {
        if (!string.IsNullOrWhiteSpace(options.Repository))
        {
            return [new ConfiguredRepository($"{GatewayOptions.Section}:{nameof(GatewayOptions.Repository)}", options.Repository, "", options.PollInterval, gateway.GetSection)];
        }

        // The keys need not be numbers without gaps; the binder goes through them in this same order.
        IConfigurationSection[] sections = [.. gateway.GetSection(nameof(GatewayOptions.Repositories)).GetChildren()];
        return [.. options.Repositories.Select((repository, index) =>
        {
            IConfigurationSection own = index < sections.Length ? sections[index] : gateway.GetSection($"{nameof(GatewayOptions.Repositories)}:{index}");
            return new ConfiguredRepository(
                $"{own.Path}:{nameof(RepositoryOptions.Uri)}",
                repository.Uri,
                repository.NamePrefix,
                repository.PollInterval ?? options.PollInterval,
                name => Overlay(gateway.GetSection(name), own.GetSection(name)));
        })];
    }

    // Key by key: what the repository does not set holds for all.
    private static IConfiguration Overlay(IConfiguration all, IConfigurationSection own) =>
        own.Exists() ? new ConfigurationBuilder().AddConfiguration(all).AddConfiguration(own).Build() : all;
}
