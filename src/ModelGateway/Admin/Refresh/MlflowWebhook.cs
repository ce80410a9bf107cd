using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>
/// What an MLflow registry sends: <c>{"entity":"model_version_alias","action":"created",…}</c>. It does not say which server it is, so all
/// registries are looked at.
/// </summary>
internal sealed class MlflowWebhook : RefreshShape
{
    public override string Name => "an MLflow registry webhook ('entity' and 'action')";

    public override RefreshWish? Read(JsonElement body) =>
        body.TextAt("entity") is not null && body.TextAt("action") is not null
            ? new RefreshWish(static location => location.StartsWith("mlflow+", StringComparison.Ordinal))
            : null;
}
