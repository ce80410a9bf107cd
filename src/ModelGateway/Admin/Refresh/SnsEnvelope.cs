using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>
/// What Amazon SNS puts around a notification: <c>{"Type":"Notification","Message":"…"}</c>. Its confirmations name a URL to open; that is
/// left to the operator, since whoever can send here could name any URL.
/// </summary>
internal sealed class SnsEnvelope : RefreshShape
{
    private static readonly RefreshShape[] Inside = [new S3Notification(), new EventBridgeEvent()];

    public override string Name => "either of these in an SNS envelope ('Type' and 'Message')";

    public override RefreshWish? Read(JsonElement body) => body.TextAt("Type") switch
    {
        "Notification" when body.TextAt("Message") is { } message => ReadMessage(message),
        "SubscriptionConfirmation" when body.TextAt("TopicArn") is { } topic =>
            RefreshWish.Nothing with { Subscription = new SubscriptionNotice(Harmless(topic), OwnUrl(body.TextAt("SubscribeURL"))) },
        "UnsubscribeConfirmation" => RefreshWish.Nothing,
        _ => null,
    };

    private static RefreshWish? ReadMessage(string message)
    {
        try
        {
            using JsonDocument inner = JsonDocument.Parse(message);
            return Inside.Select(shape => shape.Read(inner.RootElement)).FirstOrDefault(wish => wish is not null);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // A stranger's URL in the log of an operator who is told to open it would be as bad as opening it.
    private static string? OwnUrl(string? text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme == Uri.UriSchemeHttps && url.IsDefaultPort && url.UserInfo.Length == 0
        && url.Host.StartsWith("sns.", StringComparison.Ordinal)
        && (url.Host.EndsWith(".amazonaws.com", StringComparison.Ordinal) || url.Host.EndsWith(".amazonaws.com.cn", StringComparison.Ordinal))
            ? url.AbsoluteUri
            : null;

    private static string Harmless(string topic) => new([.. topic.Take(256).Where(character => character is > ' ' and <= '~')]);
}
