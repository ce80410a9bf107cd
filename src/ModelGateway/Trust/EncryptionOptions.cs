using System.ComponentModel;

namespace ModelGateway.Trust;

/// <summary>What encrypted models are decrypted with: the section <c>Gateway:Encryption</c>.</summary>
internal sealed class EncryptionOptions
{
    public const string Section = GatewayOptions.Section + ":Encryption";

    /// <summary>Keys; an encrypted file names the one it needs.</summary>
    public IList<EncryptionKeyOptions> Keys { get; set; } = [];
}

/// <summary>One key; exactly one of Key and KeyFile is set.</summary>
internal sealed class EncryptionKeyOptions
{
    [Description("Name of the key, as what is encrypted with it has it.")]
    public string? Id { get; set; }

    [Description("The key, 32 bytes in base64. Prefer KeyFile.")]
    public string? Key { get; set; }

    [Description("File that holds the key, in base64.")]
    public string? KeyFile { get; set; }
}
