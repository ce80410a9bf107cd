using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>Our own: <c>{}</c> for all repositories, <c>{"repository":"s3://bucket"}</c> for those whose location begins so.</summary>
internal sealed class NamedRepository : RefreshShape
{
    public override string Name => "{} for all repositories, {\"repository\": \"s3://bucket/prefix\"} for those whose location begins so";

    public override RefreshWish? Read(JsonElement body) =>
        body.ValueKind != JsonValueKind.Object ? null
        : !body.EnumerateObject().Any() ? RefreshWish.Everything
        : body.TextAt("repository") is { } repository ? new RefreshWish(location => location.StartsWith(repository, StringComparison.Ordinal))
        : null;
}
