using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>
/// <code>
/// all                     every version
/// latest                  the newest one
/// {latest: 3}             the three newest
/// {specific: [1, 3]}      these
/// </code>
/// </summary>
internal sealed class VersionPolicyType : ConfigType<VersionPolicy>
{
    private static readonly ChoiceType<VersionPolicy> Words = new(("all", new VersionPolicy.All()), ("latest", VersionPolicy.Default));

    private static readonly ObjectType<Choice> Maps = new(
        "all, latest, {latest: n} or {specific: [n, ...]}",
        new Choice(null, null),
        new ValueKey<Choice, long>("latest", new IntegerType(1, 100), choice => choice.Latest, (choice, count) => choice with { Latest = count })
        {
            Description = "How many of the newest versions are loaded.",
            WhenUnset = "1, where specific is not given either",
        },
        new ReferenceKey<Choice, IReadOnlyList<long>>(
            "specific",
            new ListType<long>("a list of version numbers", new IntegerType(1), min: 1, max: 1000, isUnique: true),
            choice => choice.Specific,
            (choice, versions) => choice with { Specific = versions })
        {
            Description = "The versions that are loaded; one that is not in the repository yet is loaded when it comes.",
            WhenUnset = "none",
        });

    public override string Text => Maps.Text;

    public override IEnumerable<ConfigRow> Below => Maps.Below;

    public override JsonObject Schema()
    {
        JsonObject map = Maps.Schema();
        map["minProperties"] = 1;
        map["maxProperties"] = 1;
        return new JsonObject { ["anyOf"] = new JsonArray(Words.Schema(), map) };
    }

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out VersionPolicy value)
    {
        value = null;
        if (at.Node is not ConfigNode.Mapping map)
        {
            return at.Node is ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Text } ? Words.TryRead(at, out value) : at.Expects(Text);
        }

        if (!Maps.TryRead(at, out Choice? choice))
        {
            return false;
        }

        value = choice.Specific is null ? new VersionPolicy.Latest((int)(choice.Latest ?? 1)) : new VersionPolicy.Specific(choice.Specific);
        return map.Entries.Count == 1 || at.Fail("expects one of the keys latest and specific");
    }

    public override JsonNode Write(VersionPolicy value) => value switch
    {
        VersionPolicy.Latest latest => Maps.Write(new Choice(latest.Count, null)),
        VersionPolicy.Specific specific => Maps.Write(new Choice(null, specific.Versions)),
        _ => Words.Write(value),
    };

    private sealed record Choice(long? Latest, IReadOnlyList<long>? Specific);
}
