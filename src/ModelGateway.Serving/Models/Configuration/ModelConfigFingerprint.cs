using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>Tells whether two configurations need the same session and servable.</summary>
internal static class ModelConfigFingerprint
{
    /// <summary>
    /// SHA-256, in hexadecimal, of the canonical JSON of every key that is not live. Spelling (64MiB or 67108864, order,
    /// defaults written out) makes no difference. It is compared within one process only and may change between releases.
    /// </summary>
    public static string Of(ModelConfig config)
    {
        JsonObject canonical = ModelConfigKeys.File.Write(config, key => !key.IsLive);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical.ToJsonString())));
    }
}
