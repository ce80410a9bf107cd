using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Auth;

/// <summary>Who may call: the section <c>Gateway:Auth</c>.</summary>
internal sealed class AuthOptions
{
    public const string Section = GatewayOptions.Section + ":Auth";
    public const string DefaultAudience = "modelgateway";

    [Description("Whether callers need a token. Without one everybody who reaches the server may do everything.")]
    public bool Enabled { get; set; } = true;

    [Description("URL of the OIDC issuer whose tokens are accepted; its keys are read from `/.well-known/openid-configuration` below it and followed when they change. Either this or Keys.")]
    public string? Authority { get; set; }

    [Description("Tokens must be for one of these (claim `aud`): a list, or one text with spaces between. Default: `modelgateway`.")]
    public string[] Audience { get; set; } = [];

    [Description("Tokens must be from this issuer (claim `iss`). Needed with Keys; with Authority it replaces the name that the issuer gives itself.")]
    public string? Issuer { get; set; }

    [Description("Refuse an Authority without TLS. Default: yes, except on the loopback address and in Development.")]
    public bool? RequireHttpsMetadata { get; set; }

    [Description("Signature algorithms that are accepted, a list or one text with spaces between. Default: those that fit the keys; with Authority never HS256 and its kin.")]
    public string[] Algorithms { get; set; } = [];

    [Description("Claims that hold scopes besides `scope` and `scp`, a list or one text with spaces between; for example `roles` (Entra ID) or `permissions` (Auth0).")]
    public string[] ScopeClaims { get; set; } = [];

    [Description("Ids (claim `jti`) of tokens that are refused before they expire, a list or one text with spaces between. Read again when the configuration changes.")]
    public string[] RevokedTokens { get; set; } = [];

    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    [Description("How far the clocks of issuer and server may differ.")]
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    [Description("Time between two reads of the Authority's keys: a key that it withdraws is refused after this time at the latest.")]
    public TimeSpan AutomaticRefreshInterval { get; set; } = TimeSpan.FromHours(1);

    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    [Description("Shortest time between two reads of the Authority's keys that tokens with an unknown key cause.")]
    public TimeSpan RefreshInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Keys that tokens may be signed with, in place of an Authority.</summary>
    public IList<AuthKeyOptions> Keys { get; set; } = [];

    /// <summary>The audiences in force.</summary>
    public IReadOnlyList<string> EffectiveAudience => Audience.Length > 0 ? Audience : [DefaultAudience];
}

/// <summary>One configured key; exactly one of Pem, PemFile, Secret and SecretFile is set.</summary>
internal sealed class AuthKeyOptions
{
    [Description("Name of the key. Tokens that name a key (`kid`) are checked with the key of that name only; a key without a name is tried for every token.")]
    public string? Id { get; set; }

    [Description("Public RSA or EC key or certificate, in PEM.")]
    public string? Pem { get; set; }

    [Description("File that holds the public key or certificate.")]
    public string? PemFile { get; set; }

    [Description("Shared secret for HS256, HS384 and HS512, in base64, at least 32 bytes. Whoever knows it can make tokens: prefer public keys.")]
    public string? Secret { get; set; }

    [Description("File that holds the shared secret, in base64.")]
    public string? SecretFile { get; set; }

    [Description("The one signature algorithm that the key is for. Default: all that fit it.")]
    public string? Algorithm { get; set; }
}
