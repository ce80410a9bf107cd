using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>One shape of bodies that announce a change: it knows itself, and what is to be looked at.</summary>
internal abstract class RefreshShape
{
    /// <summary>All that are known; a body has at most one of them.</summary>
    public static IReadOnlyList<RefreshShape> All { get; } =
    [
        new NamedRepository(), new S3Notification(), new SnsEnvelope(), new EventBridgeEvent(), new EventGridEvents(), new CloudEventGridEvents(), new PubSubPush(), new MlflowWebhook(),
    ];

    /// <summary>What it is, and how it is recognized; for messages.</summary>
    public abstract string Name { get; }

    /// <summary>What a body asks for, or null where it is of another shape.</summary>
    public abstract RefreshWish? Read(JsonElement body);
}
