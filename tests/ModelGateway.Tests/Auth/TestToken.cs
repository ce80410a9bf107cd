using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace ModelGateway.Tests.Auth;

/// <summary>A JWT put together by hand, so that tests can make the ones that no library would.</summary>
public sealed record TestToken
{
    public const string DefaultIssuer = "https://issuer.test";

    public Dictionary<string, object?> Header { get; init; } = new() { ["typ"] = "JWT" };

    public Dictionary<string, object?> Payload { get; init; } = new()
    {
        ["iss"] = DefaultIssuer,
        ["aud"] = "modelgateway",
        ["sub"] = "tester",
        ["exp"] = Seconds(TimeSpan.FromHours(1)),
        ["scope"] = "models:predict models:read models:manage",
    };

    /// <summary>Unix time, counted from now.</summary>
    public static long Seconds(TimeSpan fromNow) => (DateTimeOffset.UtcNow + fromNow).ToUnixTimeSeconds();

    public TestToken WithHeader(string name, object? value) => this with { Header = new(Header) { [name] = value } };

    public TestToken With(string claim, object? value) => this with { Payload = new(Payload) { [claim] = value } };

    public TestToken Without(string claim) => this with { Payload = Payload.Where(pair => pair.Key != claim).ToDictionary() };

    public string Sign(RSA key, string? id = null, string algorithm = "RS256") =>
        Sign(algorithm, id, data => key.SignData(data, HashOf(algorithm), algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1));

    public string Sign(ECDsa key, string? id = null, string algorithm = "ES256") =>
        Sign(algorithm, id, data => key.SignData(data, HashOf(algorithm)));

    public string Sign(byte[] secret, string? id = null, string algorithm = "HS256") => Sign(algorithm, id, data => algorithm switch
    {
        "HS256" => HMACSHA256.HashData(secret, data),
        "HS384" => HMACSHA384.HashData(secret, data),
        _ => HMACSHA512.HashData(secret, data),
    });

    public string Sign(string algorithm, string? id, Func<byte[], byte[]> sign)
    {
        var header = new Dictionary<string, object?>(Header) { ["alg"] = algorithm };
        if (id is not null)
        {
            header["kid"] = id;
        }

        string content = $"{Encode(JsonSerializer.SerializeToUtf8Bytes(header))}.{Encode(JsonSerializer.SerializeToUtf8Bytes(Payload))}";
        return $"{content}.{Encode(sign(System.Text.Encoding.ASCII.GetBytes(content)))}";
    }

    public static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);

    private static HashAlgorithmName HashOf(string algorithm) =>
        algorithm.EndsWith("256", StringComparison.Ordinal) ? HashAlgorithmName.SHA256
        : algorithm.EndsWith("384", StringComparison.Ordinal) ? HashAlgorithmName.SHA384
        : HashAlgorithmName.SHA512;
}
