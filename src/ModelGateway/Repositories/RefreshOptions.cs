using System.ComponentModel;

namespace ModelGateway.Repositories;

/// <summary>Who may announce changes besides holders of a token.</summary>
internal sealed class RefreshOptions
{
    public const string Section = GatewayOptions.Section + ":Refresh";

    [Description("Secret that opens POST /v2/repository/refresh to senders without a token, as password of HTTP Basic, header `X-Webhook-Secret` or query `secret`; at least 16 characters. Default: tokens only.")]
    public string? Secret { get; set; }

    [Description("File that holds that secret.")]
    public string? SecretFile { get; set; }
}
