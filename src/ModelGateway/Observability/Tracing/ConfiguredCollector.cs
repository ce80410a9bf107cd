using System.Text.RegularExpressions;

namespace ModelGateway.Observability.Tracing;

/// <summary>The collector as the configuration names it, checked.</summary>
/// <param name="Endpoint">Where traces are sent, with the path that the protocol asks for.</param>
/// <param name="Headers"><c>name=value</c> with commas between; empty for none. May hold secrets.</param>
internal sealed partial record ConfiguredCollector(Uri Endpoint, string Headers)
{
    private const string TracesPath = "/v1/traces";

    /// <summary>Reads the section; null where there is no endpoint, or faults, which never repeat a header's value.</summary>
    public static ConfiguredCollector? Read(TracingOptions options, string contentRoot, List<string> faults)
    {
        int before = faults.Count;
        Uri? endpoint = ReadEndpoint(options, faults);
        string headers = ReadHeaders(options, contentRoot, faults);
        if (!Enum.IsDefined(options.Protocol))
        {
            faults.Add($"{TracingOptions.Section}:{nameof(options.Protocol)} is neither Grpc nor Http.");
        }

        if (string.IsNullOrWhiteSpace(options.ServiceName))
        {
            faults.Add($"{TracingOptions.Section}:{nameof(options.ServiceName)} is empty.");
        }

        return endpoint is null || faults.Count > before ? null : new ConfiguredCollector(endpoint, headers);
    }

    /// <summary>Without the headers.</summary>
    public override string ToString() => Endpoint.GetLeftPart(UriPartial.Path);

    private static Uri? ReadEndpoint(TracingOptions options, List<string> faults)
    {
        if (string.IsNullOrWhiteSpace(options.Endpoint))
        {
            return null;
        }

        if (!Uri.TryCreate(options.Endpoint, UriKind.Absolute, out Uri? endpoint) || endpoint.Scheme is not ("http" or "https") || endpoint.UserInfo.Length > 0)
        {
            faults.Add($"{TracingOptions.Section}:{nameof(options.Endpoint)} must be a URL such as http://collector:4317, without a user; credentials go into {nameof(options.HeadersFile)}.");
            return null;
        }

        return options.Protocol == TracingProtocol.Http && endpoint.AbsolutePath == "/" ? new Uri(endpoint, TracesPath) : endpoint;
    }

    private static string ReadHeaders(TracingOptions options, string contentRoot, List<string> faults)
    {
        bool hasFile = !string.IsNullOrWhiteSpace(options.HeadersFile);
        string key = $"{TracingOptions.Section}:{(hasFile ? nameof(options.HeadersFile) : nameof(options.Headers))}";
        string headers = options.Headers?.Trim() ?? "";
        if (hasFile && headers.Length > 0)
        {
            faults.Add($"{key} and {TracingOptions.Section}:{nameof(options.Headers)} are both set: keep one.");
            return "";
        }

        if (hasFile)
        {
            try
            {
                headers = File.ReadAllText(Path.Combine(contentRoot, options.HeadersFile!)).Trim();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                faults.Add($"{key} names a file that cannot be read: {exception.Message}");
                return "";
            }
        }

        int wrong = headers.Length == 0 ? -1 : Array.FindIndex(headers.Split(','), header => !Header().IsMatch(header));
        if (wrong >= 0)
        {
            faults.Add($"{key}: header {wrong + 1} is not name=value, with %2C for a comma in the value.");
            return "";
        }

        return headers;
    }

    [GeneratedRegex(@"^\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+\s*=\s*[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\s*$")]
    private static partial Regex Header();
}
