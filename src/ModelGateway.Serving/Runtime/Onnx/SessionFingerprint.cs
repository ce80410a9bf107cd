using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// What callers see of a session, in one hash: a session that is made from a kept graph must look like the one that the graph was saved
/// from.
/// </summary>
internal static class SessionFingerprint
{
    /// <summary>Lower-case hexadecimal SHA-256.</summary>
    public static string Of(ModelSignature signature, ModelMetadata metadata)
    {
        var text = new StringBuilder();
        foreach (TensorSpec input in signature.Inputs)
        {
            Append(text, "input", Describe(input), input.Optional.ToString());
        }

        foreach (OutputSpec output in signature.Outputs)
        {
            Append(text, "output", Describe(output.Values), output.Kind.ToString(), output.LabelType?.ToString() ?? "");
        }

        Append(text, "model", metadata.Producer, metadata.Description);
        foreach ((string name, string value) in metadata.Properties.OrderBy(property => property.Key, StringComparer.Ordinal))
        {
            Append(text, "property", name, value);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string Describe(TensorSpec tensor)
    {
        var text = new StringBuilder();
        Append(text, tensor.Name, tensor.Type.ToString(), tensor.Dimensions is null ? "any" : string.Join(",", tensor.Dimensions));
        Append(text, [.. tensor.DimensionNames]);
        return text.ToString();
    }

    // Each with its length before it, so that no two lists are spelled alike.
    private static void Append(StringBuilder text, params ReadOnlySpan<string> parts)
    {
        foreach (string part in parts)
        {
            text.Append(CultureInfo.InvariantCulture, $"{part.Length}:{part}");
        }

        text.Append('\n');
    }
}
