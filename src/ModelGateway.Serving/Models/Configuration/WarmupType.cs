using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary><c>auto</c>, <c>off</c>, or a list of requests.</summary>
internal sealed class WarmupType : ConfigType<WarmupConfig>
{
    private static readonly ChoiceType<bool> Words = new(("auto", true), ("off", false));

    private static readonly ListType<WarmupRequest> Requests = new(
        "auto, off or a list of requests {inputs: {NAME: value}, count: n}",
        new ObjectType<WarmupRequest>(
            "a map with the key inputs",
            new WarmupRequest(new Dictionary<string, WarmupInput>(), 1),
            new ReferenceKey<WarmupRequest, IReadOnlyDictionary<string, WarmupInput>>(
                "inputs",
                new MapType<WarmupInput>("a map of input names to values", "NAME", WordType.GraphName, new WarmupInputType()),
                request => request.Inputs,
                (request, inputs) => request with { Inputs = inputs })
            {
                Description = "For each input either its value as nested lists, whose nesting is its shape, or a map that says what to fill it with.",
                Required = true,
            },
            new ValueKey<WarmupRequest, long>(
                "count",
                new IntegerType(1, 1000),
                request => request.Count,
                (request, count) => request with { Count = (int)count })
            {
                Description = "How often the request runs.",
            }),
        min: 1,
        max: 100);

    public override string Text => Requests.Text;

    public override IEnumerable<ConfigRow> Below => Requests.Below;

    public override JsonObject Schema() => new() { ["anyOf"] = new JsonArray(Words.Schema(), Requests.Schema()) };

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out WarmupConfig value)
    {
        value = null;
        if (at.Node is ConfigNode.Scalar { Kind: not ConfigNode.ScalarKind.Null })
        {
            bool isWord = Words.TryRead(at, out bool isAutomatic);
            value = isAutomatic ? WarmupConfig.Automatic : WarmupConfig.Off;
            return isWord;
        }

        bool isGood = Requests.TryRead(at, out IReadOnlyList<WarmupRequest>? requests);
        value = isGood ? new WarmupConfig(true, requests!) : null;
        return isGood;
    }

    public override JsonNode Write(WarmupConfig value) =>
        value.Enabled && value.Requests.Count > 0 ? Requests.Write(value.Requests) : Words.Write(value.Enabled);
}
