using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A map whose keys are the user's names.</summary>
/// <param name="text">For people.</param>
/// <param name="placeholder">Stands for a key in the docs, for example <c>NAME</c>.</param>
/// <param name="name">What a key may be.</param>
/// <param name="item">What stands at each key.</param>
/// <param name="max">Keys at most.</param>
internal sealed class MapType<T>(string text, string placeholder, WordType name, ConfigType<T> item, int max = int.MaxValue) : ConfigType<IReadOnlyDictionary<string, T>>
    where T : notnull
{
    public override string Text => text;

    public override IEnumerable<ConfigRow> Below => item.Below.Select(row => row with { Path = $".{placeholder}{row.Path}" });

    public override JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = "object", ["propertyNames"] = name.Schema(), ["additionalProperties"] = item.Schema() };
        if (max < int.MaxValue)
        {
            schema["maxProperties"] = max;
        }

        return schema;
    }

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out IReadOnlyDictionary<string, T> value)
    {
        var items = new Dictionary<string, T>(StringComparer.Ordinal);
        value = items;
        if (at.Node is not ConfigNode.Mapping map)
        {
            return at.Expects(text);
        }

        bool isGood = map.Entries.Count <= max
            || at.Fail(string.Create(CultureInfo.InvariantCulture, $"expects {text}, but has {map.Entries.Count} keys"));
        foreach (ConfigEntry entry in map.Entries)
        {
            isGood &= TryReadEntry(at, entry, items);
        }

        return isGood;
    }

    // Sorted, so that the order in the file is no difference.
    public override JsonNode Write(IReadOnlyDictionary<string, T> value) => new JsonObject(value
        .OrderBy(pair => pair.Key, StringComparer.Ordinal)
        .Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)item.Write(pair.Value))));

    private bool TryReadEntry(ConfigCursor at, ConfigEntry entry, Dictionary<string, T> items)
    {
        ConfigCursor there = at.Of(entry);
        bool isNamed = entry.Value is ConfigNode.Faulty || name.IsMatch(entry.Key)
            || there.FailAt(entry.Line, $"expects as its name {name.Text}");
        if (!item.TryRead(there, out T? value))
        {
            return false;
        }

        items[entry.Key] = value;
        return isNamed;
    }
}
