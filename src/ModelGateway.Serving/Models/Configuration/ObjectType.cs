using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A map with fixed keys, read into an immutable record.</summary>
/// <param name="text">For people.</param>
/// <param name="start">The record with all its defaults.</param>
/// <param name="keys">In the order of the docs.</param>
internal sealed class ObjectType<T>(string text, T start, params ConfigKey<T>[] keys) : ConfigType<T>
    where T : class
{
    public T Start => start;

    public override string Text => text;

    public override IEnumerable<ConfigRow> Below =>
        from key in keys
        from row in key.Type.Below.Prepend(new ConfigRow("", key, DefaultOf(key)))
        select row with { Path = $".{key.Name}{row.Path}" };

    public override JsonObject Schema()
    {
        var properties = new JsonObject();
        foreach (ConfigKey<T> key in keys)
        {
            JsonObject property = key.Type.Schema();
            property["description"] = key.Description;
            if (DefaultOf(key) is { } value)
            {
                property["default"] = value;
            }

            properties[key.Name] = property;
        }

        var schema = new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties };
        if (keys.Any(key => key.Required))
        {
            schema["required"] = new JsonArray([.. keys.Where(key => key.Required).Select(key => JsonValue.Create(key.Name))]);
        }

        return schema;
    }

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out T value)
    {
        value = start;
        if (at.Node is not ConfigNode.Mapping map)
        {
            return at.Expects(text);
        }

        bool isGood = true;
        foreach (ConfigEntry entry in map.Entries)
        {
            ConfigCursor there = at.Of(entry);
            ConfigKey<T>? key = Array.Find(keys, key => key.Name == entry.Key);
            isGood &= key?.TryRead(there, ref value) ?? there.FailAt(entry.Line, at.Errors.IsFull ? "" : Unknown(entry.Key));
        }

        foreach (ConfigKey<T> missing in keys.Where(key => key.Required && map.Entries.All(entry => entry.Key != key.Name)))
        {
            isGood = at.Fail($"needs the key {missing.Name}");
        }

        return isGood;
    }

    public override JsonNode Write(T value) => Write(value, _ => true);

    /// <summary>Only some of the keys; those that are not set are left out.</summary>
    public JsonObject Write(T value, Func<ConfigKey<T>, bool> isWanted) =>
        new(keys.Where(isWanted).Select(key => KeyValuePair.Create(key.Name, key.Write(value))).Where(pair => pair.Value is not null));

    // An empty map says no more than its absence.
    private JsonNode? DefaultOf(ConfigKey<T> key) => key.Required || key.Write(start) is JsonObject { Count: 0 } ? null : key.Write(start);

    private string Unknown(string name)
    {
        string suggestion = NameSuggestion.For(name, keys.Select(key => key.Name));
        return "is not a known key."
            + (suggestion.Length > 0 ? suggestion : $" Known here: {string.Join(", ", keys.Select(key => key.Name))}.");
    }
}
