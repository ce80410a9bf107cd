using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Nodes;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>Nested lists of scalars, or <c>{shape: [1, 4], fill: zero}</c>.</summary>
internal sealed class WarmupInputType : ConfigType<WarmupInput>
{
    /// <summary>Under this name the schema holds <see cref="LiteralSchema"/>, since nested lists are described by themselves.</summary>
    public const string LiteralName = "nested_lists";

    // With eight bytes an element this is the 1 GiB that a made-up tensor may have.
    private const long MostElements = 1 << 27;

    private static readonly ObjectType<WarmupInput.Filled> Maps = new(
        "a value as nested lists, or a map {shape: [n, ...], fill: zero}",
        new WarmupInput.Filled([], WarmupFill.Zero),
        new ReferenceKey<WarmupInput.Filled, IReadOnlyList<long>>(
            "shape",
            new ListType<long>("a list of dimensions", new IntegerType(0, MostElements), max: 16),
            input => input.Shape,
            (input, shape) => input with { Shape = shape })
        {
            Description = "The dimensions of the made-up tensor, outermost first; an empty list for a scalar.",
            Required = true,
        },
        new ValueKey<WarmupInput.Filled, WarmupFill>(
            "fill",
            new ChoiceType<WarmupFill>(("zero", WarmupFill.Zero), ("one", WarmupFill.One), ("random", WarmupFill.Random)),
            input => input.Kind,
            (input, kind) => input with { Kind = kind })
        {
            Description = "What every element is; random numbers are the same each time.",
        });

    public override string Text => Maps.Text;

    public override IEnumerable<ConfigRow> Below => Maps.Below;

    /// <summary>A scalar, or a list of the same.</summary>
    public static JsonObject LiteralSchema() => new()
    {
        ["anyOf"] = new JsonArray(
            new JsonObject { ["type"] = new JsonArray("number", "string", "boolean") },
            new JsonObject { ["type"] = "array", ["items"] = new JsonObject { ["$ref"] = $"#/$defs/{LiteralName}" } }),
    };

    public override JsonObject Schema() => new()
    {
        ["anyOf"] = new JsonArray(new JsonObject { ["$ref"] = $"#/$defs/{LiteralName}" }, Maps.Schema()),
    };

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out WarmupInput value)
    {
        if (at.Node is not ConfigNode.Mapping)
        {
            value = NestedListReader.Read(at);
            return value is not null;
        }

        bool isGood = Maps.TryRead(at, out WarmupInput.Filled? filled);
        value = filled;
        return isGood && (Fits(filled!) || at.Fail(string.Create(
            CultureInfo.InvariantCulture, $"{TensorShape.Format([.. filled!.Shape])} has more than {MostElements} elements")));
    }

    public override JsonNode Write(WarmupInput value)
    {
        if (value is WarmupInput.Filled filled)
        {
            return Maps.Write(filled);
        }

        var literal = (WarmupInput.Literal)value;
        int next = 0;
        return Nest(literal, 0, ref next);
    }

    private static bool Fits(WarmupInput.Filled filled) =>
        TensorShape.TryCountElements([.. filled.Shape], out long count) && count <= MostElements;

    // As texts in quotes, so that each is read back as it was written.
    private static JsonNode Nest(WarmupInput.Literal literal, int depth, ref int next)
    {
        if (depth == literal.Shape.Count)
        {
            return JsonValue.Create(literal.Scalars[next++]);
        }

        var items = new JsonArray();
        for (long i = 0; i < literal.Shape[depth]; i++)
        {
            items.Add(Nest(literal, depth + 1, ref next));
        }

        return items;
    }
}
