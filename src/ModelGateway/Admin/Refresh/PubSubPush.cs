using System.Text.Json;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Admin.Refresh;

/// <summary>What Google Pub/Sub pushes of Cloud Storage: <c>{"message":{"attributes":{"bucketId":…,"objectId":…,"eventType":…}}}</c>.</summary>
internal sealed class PubSubPush : RefreshShape
{
    public override string Name => "a Pub/Sub push of Cloud Storage ('message.attributes' with 'bucketId' and 'objectId')";

    public override RefreshWish? Read(JsonElement body) =>
        body.TextAt("message", "attributes", "bucketId") is not { } bucket ? null
        : body.TextAt("message", "attributes", "objectId") is { } key ? RefreshWish.ForObjects([$"gs://{bucket}/{key}"])
        : new RefreshWish(location => RepositoryLocation.LiesIn(location, $"gs://{bucket}"));
}
