using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace ModelGateway.Platforms.Bodies;

/// <summary>
/// How binary tensors pass SageMaker, which hands over no header of the Open Inference Protocol: the length of the JSON stands in the content
/// type. It is the type that NVIDIA Triton made up for that, and its clients send.
/// </summary>
internal static class TritonBinary
{
    private const string Prefix = "application/vnd.sagemaker-triton.binary+json;json-header-size=";

    /// <summary>The length of the JSON, as it would stand in the protocol's header.</summary>
    public static bool TryReadHeader(string? contentType, [NotNullWhen(true)] out string? jsonLength)
    {
        string compact = contentType?.Replace(" ", "", StringComparison.Ordinal) ?? "";
        jsonLength = compact.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? compact[Prefix.Length..] : null;
        return jsonLength is not null;
    }

    /// <summary>The content type of an answer with binary tensors.</summary>
    public static string ContentType(string jsonLength) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{jsonLength}");
}
