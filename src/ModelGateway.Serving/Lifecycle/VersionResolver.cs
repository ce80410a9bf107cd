using System.Globalization;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>From what a caller asks for to a version that is Ready or comes on demand, or to the error that says why there is none.</summary>
internal static class VersionResolver
{
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public static VersionView? Resolve(ModelView model, in ModelSpec spec, out PredictError? error)
    {
        long? number = spec.Version;
        if (spec.Label is { } label)
        {
            if (!model.Labels.TryGetValue(label, out long labelled))
            {
                error = UnknownLabel(model, label);
                return null;
            }

            number = labelled;
        }

        VersionView? version = number is { } wanted ? model.Find(wanted) : model.Default;
        error = version is null ? Missing(model, spec, number) : version is { Servable: null, IsOnDemand: false } ? NotReady(version) : null;
        return error is null ? version : null;
    }

    public static PredictError NotReady(VersionView version) =>
        new(PredictErrorKind.NotReady, $"'{version.Id}' is not ready: it is {version.State}.{Because(version.Reason)}") { RetryAfter = RetryAfter };

    private static PredictError UnknownLabel(ModelView model, string label)
    {
        string known = model.Labels.Count == 0
            ? "It has no labels."
            : $"Its labels are {string.Join(", ", model.Labels.Keys.Order(StringComparer.Ordinal).Select(name => $"'{name}'"))}.";
        return new PredictError(
            PredictErrorKind.UnknownVersion,
            $"The model '{model.Name}' has no version or label '{NameSuggestion.Shorten(label)}'.{NameSuggestion.For(label, model.Labels.Keys)} {known}");
    }

    private static PredictError Missing(ModelView model, in ModelSpec spec, long? number)
    {
        if (number is { } wanted)
        {
            string versions = model.Versions.Count == 0
                ? "It has no versions."
                : $"It has {string.Join(", ", model.Versions.Select(version => version.Id.Version.ToString(CultureInfo.InvariantCulture)))}.";
            string asked = spec.Label is null ? $"version {wanted}" : $"version {wanted}, to which its label '{spec.Label}' points";
            return new PredictError(PredictErrorKind.UnknownVersion, $"The model '{model.Name}' has no {asked}. {versions}");
        }

        VersionView? newest = model.Newest;
        return newest is null
            ? new PredictError(PredictErrorKind.NotReady, $"The model '{model.Name}' has no versions yet.{Because(model.Reason)}") { RetryAfter = RetryAfter }
            : NotReady(newest);
    }

    private static string Because(string? reason) => reason is null ? "" : " " + reason;
}
