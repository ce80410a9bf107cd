using System.Globalization;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>The query of a request. What an operation does not document is refused: a client that misspells a parameter must notice.</summary>
internal sealed class GcsQuery
{
    private static readonly string[] Standard = ["alt", "fields", "prettyPrint", "userProject"];
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public GcsQuery(string text)
    {
        foreach (string part in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = part.Split('=', 2);
            if (pair.Length != 2 || !_values.TryAdd(pair[0], Uri.UnescapeDataString(pair[1].Replace('+', ' '))))
            {
                throw GcsException.Invalid($"Invalid query: {part}");
            }
        }
    }

    public string? this[string name] => _values.GetValueOrDefault(name);

    public void AllowOnly(params string[] names)
    {
        if (_values.Keys.FirstOrDefault(name => !names.Contains(name) && !Standard.Contains(name)) is { } unknown)
        {
            throw GcsException.Invalid($"Unknown parameter: {unknown}");
        }
    }

    public long? Number(string name) =>
        this[name] is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
        : throw GcsException.Invalid($"Invalid value for {name}: {text}");
}
