using System.Globalization;

namespace ModelGateway.Serving.Models;

/// <summary>What a caller asks for: a model, and a version by number, by label, or the default one (neither).</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Version">A version number.</param>
/// <param name="Label">A label of the model's configuration, for example <c>stable</c>.</param>
public readonly record struct ModelSpec(string Model, long? Version = null, string? Label = null)
{
    /// <summary>Reads what a path or a body holds: digits are a version, anything else is a label, nothing is the default.</summary>
    public static ModelSpec Parse(string model, string? versionOrLabel) =>
        string.IsNullOrEmpty(versionOrLabel) ? new ModelSpec(model)
        : long.TryParse(versionOrLabel, NumberStyles.None, CultureInfo.InvariantCulture, out long version) ? new ModelSpec(model, version)
        : new ModelSpec(model, Label: versionOrLabel);

    /// <summary><c>iris</c>, <c>iris/3</c> or <c>iris/stable</c></summary>
    public override string ToString() => Version is { } version ? $"{Model}/{version}" : Label is null ? Model : $"{Model}/{Label}";
}
