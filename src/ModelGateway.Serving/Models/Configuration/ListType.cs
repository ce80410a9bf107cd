using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A list of one type, of bounded length; in a list without repetitions each further one is an error of its own.</summary>
internal sealed class ListType<T>(string text, ConfigType<T> item, int min = 0, int max = int.MaxValue, bool isUnique = false) : ConfigType<IReadOnlyList<T>>
    where T : notnull
{
    public override string Text => text;

    public override IEnumerable<ConfigRow> Below => item.Below.Select(row => row with { Path = "[]" + row.Path });

    public override JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = item.Schema() };
        Add(schema, "minItems", min, min > 0);
        Add(schema, "maxItems", max, max < int.MaxValue);
        Add(schema, "uniqueItems", true, isUnique);
        return schema;
    }

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out IReadOnlyList<T> value)
    {
        var items = new List<T>();
        value = items;
        if (at.Node is not ConfigNode.Sequence list)
        {
            return at.Expects(text);
        }

        bool isGood = (list.Items.Count >= min && list.Items.Count <= max)
            || at.Fail(string.Create(CultureInfo.InvariantCulture, $"expects {text}, but has {list.Items.Count} items"));
        for (int i = 0; i < list.Items.Count; i++)
        {
            isGood &= TryReadItem(at.Of(list, i), items);
        }

        return isGood;
    }

    public override JsonNode Write(IReadOnlyList<T> value) => new JsonArray([.. value.Select(item.Write)]);

    private bool TryReadItem(ConfigCursor at, List<T> items)
    {
        if (!item.TryRead(at, out T? value))
        {
            return false;
        }

        bool isGood = !isUnique || !items.Contains(value) || at.Fail($"{at.Node.Describe()} is in the list already");
        items.Add(value);
        return isGood;
    }

    private static void Add(JsonObject schema, string key, JsonNode value, bool isNeeded)
    {
        if (isNeeded)
        {
            schema[key] = value;
        }
    }
}
