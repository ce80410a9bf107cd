using System.ComponentModel;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Trust;

/// <summary>Whose models are believed: the section <c>Gateway:Signatures</c>.</summary>
internal sealed class SignatureOptions
{
    public const string Section = GatewayOptions.Section + ":Signatures";

    [Description("What is asked of `manifest.json.sig`: Off, Verify (what is signed must verify) or Require (what is not signed is not loaded).")]
    public SignatureMode Mode { get; set; } = SignatureMode.Off;

    /// <summary>Public keys; a signature by any of them counts.</summary>
    public IList<SignatureKeyOptions> Keys { get; set; } = [];
}

/// <summary>One public key; exactly one of Pem and PemFile is set.</summary>
internal sealed class SignatureKeyOptions
{
    [Description("Name of the key, for messages. Default: its place in the list.")]
    public string? Id { get; set; }

    [Description("Public key that signatures of manifests are checked with, in PEM: ECDSA on the curve P-256, or Ed25519.")]
    public string? Pem { get; set; }

    [Description("File that holds the public key.")]
    public string? PemFile { get; set; }
}
