namespace ModelGateway.Serving.Models;

/// <summary>One version of one model.</summary>
/// <param name="Model">The model's name, see <see cref="ModelName"/>.</param>
/// <param name="Version">A positive number; larger is newer.</param>
public readonly record struct ServableId(string Model, long Version)
{
    /// <summary><c>iris/3</c></summary>
    public override string ToString() => $"{Model}/{Version}";
}
