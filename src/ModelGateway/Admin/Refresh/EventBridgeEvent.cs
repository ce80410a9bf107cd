using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>What Amazon EventBridge sends of S3: <c>{"detail":{"bucket":{"name":…},"object":{"key":…}}}</c>; here the key is plain.</summary>
internal sealed class EventBridgeEvent : RefreshShape
{
    public override string Name => "an EventBridge event of S3 ('detail.bucket.name' and 'detail.object.key')";

    public override RefreshWish? Read(JsonElement body) =>
        body.TextAt("detail", "bucket", "name") is { } bucket && body.TextAt("detail", "object", "key") is { } key
            ? RefreshWish.ForObjects([$"s3://{bucket}/{key}"])
            : null;
}
