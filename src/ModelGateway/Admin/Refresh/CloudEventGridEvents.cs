using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>What Azure Event Grid sends in the schema of CloudEvents 1.0: one event with <c>specversion</c>, or an array of them.</summary>
internal sealed class CloudEventGridEvents : RefreshShape
{
    public override string Name => "CloudEvents 1.0 of Event Grid ('specversion' and 'type' Microsoft.Storage.BlobCreated and its kin)";

    public override RefreshWish? Read(JsonElement body)
    {
        IEnumerable<JsonElement> items = body.ValueKind == JsonValueKind.Array ? body.EnumerateArray() : [body];
        List<JsonElement> events = [.. items.Where(item => item.TextAt("specversion") is not null && item.TextAt("type") is not null)];
        return events.Count == 0
            ? null
            : RefreshWish.ForObjects([.. events
                .Where(item => item.TextAt("type")!.StartsWith(BlobEvent.TypePrefix, StringComparison.Ordinal))
                .Select(item => BlobEvent.Locate(item, item.TextAt("source")))
                .OfType<string>()]);
    }
}
