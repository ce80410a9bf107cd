using System.Globalization;
using Microsoft.Extensions.Primitives;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// The header that says where in a body the JSON ends and the binary tensors begin. Absent: all is JSON. 0: there is no JSON,
/// see <see cref="RawInput"/>. It counts bytes after decompression.
/// </summary>
internal static class InferenceHeader
{
    public const string Name = "Inference-Header-Content-Length";

    /// <summary>The JSON's bytes as far as can be said before the body is there; 0 for none.</summary>
    public static int Peek(IHeaderDictionary headers) =>
        headers.TryGetValue(Name, out StringValues values) && int.TryParse(values, NumberStyles.None, CultureInfo.InvariantCulture, out int length) ? length : 0;

    /// <summary>False, and a fault, if the header is there and does not fit the body.</summary>
    /// <param name="headers">Of the request.</param>
    /// <param name="bodyLength">Of the body, after decompression.</param>
    /// <param name="jsonLength">The JSON's bytes; null where the header is absent.</param>
    /// <param name="faults">The request's.</param>
    public static bool TryRead(IHeaderDictionary headers, int bodyLength, out int? jsonLength, FaultList faults)
    {
        jsonLength = null;
        if (!headers.TryGetValue(Name, out StringValues values))
        {
            return true;
        }

        if (values.Count != 1 || !long.TryParse(values[0], NumberStyles.None, CultureInfo.InvariantCulture, out long length))
        {
            faults.Add(Name, $"The header {Name} must be one whole number: the bytes of the JSON that the body begins with, or 0 for none.");
            return false;
        }

        if (length > bodyLength)
        {
            faults.Add(Name, $"The header {Name} says {length} bytes of JSON, but the body has {bodyLength}.", $"at most {bodyLength}", $"{length}");
            return false;
        }

        jsonLength = (int)length;
        return true;
    }
}
