using System.Globalization;
using System.Text.Json;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>The body of every request to the repository extension; all of it may be left out, and what is not known is passed over.</summary>
/// <param name="Ready">Index: those that answer only.</param>
/// <param name="Parameters">Load and unload: by name.</param>
internal sealed record RepositoryRequest(bool? Ready, Dictionary<string, JsonElement>? Parameters);

/// <summary>One version in the repository's index; without a version, a model that has none.</summary>
/// <param name="Name">The model.</param>
/// <param name="Version">The version.</param>
/// <param name="State">READY, LOADING, UNLOADING, UNAVAILABLE or UNKNOWN.</param>
/// <param name="Reason">Why, or empty.</param>
/// <param name="Source">Where its files lie: the repository's location and the version's folder.</param>
/// <param name="Digest">SHA-256 over the files that answer, or would; left out where that is not known without fetching them.</param>
internal sealed record RepositoryIndexAnswer(string Name, string? Version, string State, string Reason, string? Source = null, string? Digest = null)
{
    public const string Ready = "READY";

    public static IEnumerable<RepositoryIndexAnswer> Of(ModelView model) =>
        model.Versions.Count == 0
            ? [new RepositoryIndexAnswer(model.Name, null, "UNAVAILABLE", model.Reason ?? "The model has no versions yet.")]
            : model.Versions.Select(version => new RepositoryIndexAnswer(
                model.Name, version.Id.Version.ToString(CultureInfo.InvariantCulture), StateOf(version), version.Reason ?? model.Reason ?? "", version.Source, version.Digest));

    // A version that was discovered and has a reason rests for that reason; without one it waits for a loader.
    private static string StateOf(VersionView version) => version.State switch
    {
        // It answers; its reason says that it has to be loaded first.
        ServableState.Ready or ServableState.Dormant => Ready,
        ServableState.Discovered => version.Reason is null ? "LOADING" : "UNAVAILABLE",
        ServableState.Fetching or ServableState.Verifying or ServableState.Probing or ServableState.Loading or ServableState.Warming => "LOADING",
        ServableState.Draining => "UNLOADING",
        ServableState.Unloaded or ServableState.Failed => "UNAVAILABLE",
        _ => "UNKNOWN",
    };
}
