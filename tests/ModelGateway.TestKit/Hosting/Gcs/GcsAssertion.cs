using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>The JSON web token with which a service account asks for an access token.</summary>
internal sealed record GcsAssertion(string Issuer, IReadOnlyList<string> Scopes, string Audience, DateTimeOffset IssuedAt, DateTimeOffset Expires)
{
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    private byte[] Signed { get; init; } = [];

    private byte[] Signature { get; init; } = [];

    /// <summary>Null where it is none.</summary>
    public static GcsAssertion? Parse(string text)
    {
        string[] parts = text.Split('.');
        try
        {
            JsonNode header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!;
            JsonNode claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
            return parts.Length == 3 && (string?)header["alg"] == "RS256" && (string?)header["kid"] == "key-1"
                ? new GcsAssertion(
                    (string)claims["iss"]!,
                    ((string)claims["scope"]!).Split(' '),
                    (string)claims["aud"]!,
                    DateTimeOffset.FromUnixTimeSeconds((long)claims["iat"]!),
                    DateTimeOffset.FromUnixTimeSeconds((long)claims["exp"]!))
                {
                    Signed = Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"),
                    Signature = Base64Url.DecodeFromChars(parts[2]),
                }
                : null;
        }
        catch (Exception exception) when (exception is FormatException or JsonException or NullReferenceException or InvalidOperationException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    public bool IsSignedBy(RSA key) => key.VerifyData(Signed, Signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    /// <summary>The audience is always this, wherever the key file says that the token server is.</summary>
    public bool IsValid(DateTimeOffset now) =>
        Audience == "https://oauth2.googleapis.com/token" && IssuedAt <= now + Skew && Expires > now && Expires - IssuedAt <= TimeSpan.FromHours(1);
}
