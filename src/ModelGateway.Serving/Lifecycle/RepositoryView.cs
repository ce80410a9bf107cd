using System.Collections.Frozen;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>What the gateway knows at one moment: an immutable table, replaced as a whole on every change.</summary>
public sealed class RepositoryView
{
    internal RepositoryView(IEnumerable<ModelView> models) =>
        Models = models.ToFrozenDictionary(model => model.Name, StringComparer.Ordinal);

    /// <summary>Every model seen in the repository, whatever its state.</summary>
    public FrozenDictionary<string, ModelView> Models { get; }

    /// <summary>Every version of every model, by name and then number.</summary>
    public IEnumerable<VersionView> Versions =>
        Models.Values.OrderBy(model => model.Name, StringComparer.Ordinal).SelectMany(model => model.Versions);
}

/// <summary>One model at one moment.</summary>
public sealed class ModelView
{
    internal ModelView(string name, ModelConfig config, IReadOnlyList<VersionView> versions, string? reason, bool isBusy)
    {
        IsBusy = isBusy;
        Name = name;
        Config = config;
        Versions = versions;
        Reason = reason;
        Default = versions.LastOrDefault(version => version.Servable is not null || version.IsOnDemand);
    }

    /// <summary>The model's name.</summary>
    public string Name { get; }

    /// <summary>The configuration in force; the last good one where the file is faulty.</summary>
    public ModelConfig Config { get; }

    /// <summary>
    /// Where each label leads: to the version that the configuration gives it, or, until that one answers, to the one that had it before.
    /// </summary>
    public IReadOnlyDictionary<string, long> Labels { get; internal init; } = new Dictionary<string, long>();

    /// <summary>All known versions, ascending.</summary>
    public IReadOnlyList<VersionView> Versions { get; }

    /// <summary>What is wrong with the model as a whole (a faulty <c>model.yaml</c>, two repositories that offer it), or null.</summary>
    public string? Reason { get; }

    /// <summary>A version of it is being loaded or loaded anew.</summary>
    public bool IsBusy { get; }

    /// <summary>The newest version that is Ready or comes on demand: who names no version gets this one. Null if there is none.</summary>
    public VersionView? Default { get; }

    /// <summary>The highest version number known, whatever its state, or null.</summary>
    public VersionView? Newest => Versions.Count > 0 ? Versions[^1] : null;

    /// <summary>The version of that number, or null.</summary>
    public VersionView? Find(long version) => Versions.FirstOrDefault(candidate => candidate.Id.Version == version);
}

/// <summary>One version at one moment.</summary>
/// <param name="Id">Model and version.</param>
/// <param name="State">Its state.</param>
/// <param name="Reason">Why it is Failed or waits, or null.</param>
/// <param name="Servable">Present while Ready; take a handle from the manager before running it.</param>
public sealed record VersionView(ServableId Id, ServableState State, string? Reason, Servable? Servable)
{
    /// <summary>It is not in memory, and answers all the same: a request for it waits until it is loaded.</summary>
    public bool IsOnDemand { get; init; }

    /// <summary>Where the files lie that answer or drain, or else those that would be loaded: the repository's location and the version's folder.</summary>
    public string? Source { get; init; }

    /// <summary>
    /// SHA-256 over the files that answer or drain, or else over those that would be loaded, as far as it is known without fetching them: the
    /// <see cref="Servable.Digest"/> that the version has or will have. Null where it is not known.
    /// </summary>
    public string? Digest { get; init; }
}
