using System.Net;
using System.Text.Json;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Admin.Refresh;

/// <summary>
/// What Amazon S3, MinIO and Ceph send to announce changes: <c>{"Records":[{"s3":{"bucket":{"name":…},"object":{"key":…}}}]}</c>, and the test
/// that S3 sends when notifications are set up: <c>{"Event":"s3:TestEvent","Bucket":…}</c>.
/// </summary>
internal sealed class S3Notification : RefreshShape
{
    public override string Name => "an S3 event notification ('Records' with 's3.bucket.name' and 's3.object.key'), also from MinIO";

    public override RefreshWish? Read(JsonElement body)
    {
        if (body.TextAt("Event") == "s3:TestEvent" && body.TextAt("Bucket") is { } tested)
        {
            return new RefreshWish(location => RepositoryLocation.LiesIn(location, $"s3://{tested}"));
        }

        List<string> objects = [];
        foreach (JsonElement record in body.Property("Records").Items())
        {
            // The key is written as forms are: a plus for a space.
            if (record.TextAt("s3", "bucket", "name") is { } bucket && record.TextAt("s3", "object", "key") is { } key)
            {
                objects.Add($"s3://{bucket}/{WebUtility.UrlDecode(key)}");
            }
        }

        return objects.Count == 0 ? null : RefreshWish.ForObjects(objects);
    }
}
