using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>
/// What Azure Event Grid sends in its own schema: an array of events with <c>eventType</c>. The first of a subscription holds a code that
/// is to be sent back.
/// </summary>
internal sealed class EventGridEvents : RefreshShape
{
    private const string Validation = "Microsoft.EventGrid.SubscriptionValidationEvent";

    public override string Name => "Event Grid events (an array with 'eventType' Microsoft.Storage.BlobCreated and its kin)";

    public override RefreshWish? Read(JsonElement body)
    {
        List<JsonElement> events = [.. body.Items().Where(item => item.TextAt("eventType") is not null)];
        if (events.Count == 0)
        {
            return null;
        }

        if (events.FirstOrDefault(item => item.TextAt("eventType") == Validation).TextAt("data", "validationCode") is { } code)
        {
            return RefreshWish.Nothing with { ValidationCode = code };
        }

        return RefreshWish.ForObjects([.. events
            .Where(item => item.TextAt("eventType")!.StartsWith(BlobEvent.TypePrefix, StringComparison.Ordinal))
            .Select(item => BlobEvent.Locate(item, item.TextAt("topic")))
            .OfType<string>()]);
    }
}
