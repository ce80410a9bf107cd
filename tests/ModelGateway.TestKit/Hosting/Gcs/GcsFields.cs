using System.Text.Json.Nodes;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>The <c>fields</c> parameter: <c>kind,items(name,size)</c> leaves of a resource what is named. A field that no resource has is refused.</summary>
internal sealed class GcsFields
{
    private static readonly HashSet<string> Known =
    [
        "kind", "nextPageToken", "prefixes", "items", "id", "name", "bucket", "generation", "metageneration", "contentType", "contentEncoding",
        "storageClass", "size", "md5Hash", "crc32c", "etag", "timeCreated", "updated",
    ];

    private readonly Dictionary<string, GcsFields?> _selected = new(StringComparer.Ordinal);

    public static GcsFields Parse(string text)
    {
        int at = 0;
        GcsFields fields = Parse(text, ref at);
        return at == text.Length ? fields : throw GcsException.Invalid($"Invalid field selection {text}");
    }

    public JsonObject Select(JsonObject resource)
    {
        var result = new JsonObject();
        foreach ((string name, JsonNode? value) in resource)
        {
            if (_selected.TryGetValue(name, out GcsFields? inner))
            {
                result[name] = inner is not null && value is JsonArray items
                    ? new JsonArray([.. items.Select(item => inner.Select(item!.AsObject()))])
                    : value?.DeepClone();
            }
        }

        return result;
    }

    private static GcsFields Parse(string text, ref int at)
    {
        var fields = new GcsFields();
        while (true)
        {
            int start = at;
            while (at < text.Length && char.IsAsciiLetterOrDigit(text[at]))
            {
                at++;
            }

            string name = text[start..at];
            if (!Known.Contains(name))
            {
                throw GcsException.Invalid($"Invalid field selection {name}");
            }

            fields._selected[name] = at < text.Length && text[at] == '(' ? Inner(text, ref at) : null;
            if (at == text.Length || text[at] != ',')
            {
                return fields;
            }

            at++;
        }
    }

    private static GcsFields Inner(string text, ref int at)
    {
        at++;
        GcsFields inner = Parse(text, ref at);
        return at < text.Length && text[at++] == ')' ? inner : throw GcsException.Invalid($"Invalid field selection {text}");
    }
}
