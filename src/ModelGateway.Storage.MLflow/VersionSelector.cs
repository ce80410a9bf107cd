using System.Globalization;

namespace ModelGateway.Storage.MLflow;

/// <summary>Points at one version of a registered model. A closed set of cases.</summary>
internal abstract record VersionSelector
{
    private VersionSelector()
    {
    }

    /// <summary>The version's number as the registry writes it, or null where nothing is selected.</summary>
    public abstract string? Find(RegisteredModel model);

    /// <summary>The highest number.</summary>
    public sealed record Latest : VersionSelector
    {
        // The registry lists the newest of each stage, and every version is in one stage: the newest of all is among them.
        public override string? Find(RegisteredModel model) => model.LatestVersions
            .Select(version => version.Version)
            .OrderByDescending(version => long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : -1)
            .FirstOrDefault();
    }

    /// <summary>What an alias points at.</summary>
    public sealed record Alias(string Name) : VersionSelector
    {
        public override string? Find(RegisteredModel model) => model.Aliases.FirstOrDefault(alias => alias.Alias == Name)?.Version;
    }

    /// <summary>The highest number in a stage.</summary>
    public sealed record Stage(string Name) : VersionSelector
    {
        public override string? Find(RegisteredModel model) =>
            model.LatestVersions.FirstOrDefault(version => version.CurrentStage.Equals(Name, StringComparison.OrdinalIgnoreCase))?.Version;
    }

    /// <summary>This one.</summary>
    public sealed record Number(string Version) : VersionSelector
    {
        public override string? Find(RegisteredModel model) => Version;
    }
}
