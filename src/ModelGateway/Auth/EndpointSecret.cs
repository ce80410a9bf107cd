using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;
using ModelGateway.Repositories;

namespace ModelGateway.Auth;

/// <summary>
/// A secret that opens the one endpoint in whose metadata it stands, for senders of notifications, which have no token. It comes as
/// password of HTTP Basic with any user name, in a header, or in the query. Kept and compared as a hash, in constant time.
/// </summary>
internal sealed class EndpointSecret
{
    public const string Header = "X-Webhook-Secret";
    public const string QueryKey = "secret";
    private const string Basic = "Basic ";
    private const int Shortest = 16;
    private readonly byte[] _hash;

    private EndpointSecret(string secret) => _hash = Hash(secret);

    /// <summary>The configured secret, or null where none is set or it has faults, which never repeat it.</summary>
    public static EndpointSecret? Read(RefreshOptions options, string contentRoot, List<string> faults)
    {
        bool hasSecret = !string.IsNullOrWhiteSpace(options.Secret);
        bool hasFile = !string.IsNullOrWhiteSpace(options.SecretFile);
        if (hasSecret && hasFile)
        {
            faults.Add($"{RefreshOptions.Section}:{nameof(options.Secret)} and {RefreshOptions.Section}:{nameof(options.SecretFile)} are both set: keep one.");
            return null;
        }

        if (!hasSecret && !hasFile)
        {
            return null;
        }

        string key = $"{RefreshOptions.Section}:{(hasFile ? nameof(options.SecretFile) : nameof(options.Secret))}";
        string? secret = hasFile ? ReadFile(Path.Combine(contentRoot, options.SecretFile!), key, faults) : options.Secret;
        if (secret is { Length: < Shortest })
        {
            faults.Add($"{key} has {secret.Length} characters, and {Shortest} are the least: make one with 'openssl rand -hex 32'.");
            return null;
        }

        return secret is null ? null : new EndpointSecret(secret);
    }

    /// <summary>Whether a request carries it.</summary>
    public bool IsIn(HttpRequest request) =>
        IsIt(request.Headers[Header]) || IsIt(PasswordOf(request.Headers[HeaderNames.Authorization])) || IsIt(request.Query[QueryKey]);

    private bool IsIt(string? candidate) => !string.IsNullOrEmpty(candidate) && CryptographicOperations.FixedTimeEquals(Hash(candidate), _hash);

    // Of equal length whatever the candidate's, so that nothing is told by the time either.
    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static string? PasswordOf(string? header)
    {
        if (header is null || !header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        byte[] bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[Basic.Length..].Trim(), bytes, out int length))
        {
            return null;
        }

        string credentials = Encoding.UTF8.GetString(bytes, 0, length);
        int colon = credentials.IndexOf(':');
        return colon < 0 ? null : credentials[(colon + 1)..];
    }

    private static string? ReadFile(string file, string key, List<string> faults)
    {
        try
        {
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Add($"{key} names a file that cannot be read: {exception.Message}");
            return null;
        }
    }
}
