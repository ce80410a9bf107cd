using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;

namespace ModelGateway.Auth;

/// <summary>What one accepted token allows: read once, kept with the request.</summary>
internal sealed class TokenGrant
{
    private const string ModelsClaim = "models";
    private const int LongestSubject = 128;

    // Tokens that a client asks for on its own account often have no subject but the client.
    private static readonly string[] SubjectClaims = ["sub", "client_id", "azp"];
    private readonly HashSet<string> _scopes = new(StringComparer.Ordinal);

    /// <summary>Reads the claims of a token that was accepted.</summary>
    /// <param name="token">The token.</param>
    /// <param name="options">Where scopes stand.</param>
    /// <param name="tenantClaim">The claim whose value says whose answers the caller shares; null for none.</param>
    public TokenGrant(JsonWebToken token, AuthOptions options, string? tenantClaim = null)
    {
        Subject = Abridge(SubjectClaims.Select(claim => token.TryGetPayloadValue(claim, out string? name) ? name : null).FirstOrDefault(name => !string.IsNullOrEmpty(name)));
        Tenant = tenantClaim is not null && token.TryGetPayloadValue(tenantClaim, out object? tenant) ? TenantOf(tenant) : null;
        AddScopes(token, "scope");
        AddScopes(token, "scp");
        foreach (string claim in options.ScopeClaims)
        {
            AddScopes(token, claim);
        }

        // Without the claim all models; with it only those it names, so an empty or strange one means none.
        if (Read(token, ModelsClaim) is { } names)
        {
            var patterns = new NamePatterns(names);
            Models = patterns.MatchesAll ? null : patterns.Matches;
        }
    }

    /// <summary>The models that the token is for; null where it is for all.</summary>
    public Func<string, bool>? Models { get; }

    /// <summary>Who the token was made for; a very long name is cut, and its hash stands in its place. Null where the token does not say.</summary>
    public string? Subject { get; }

    /// <summary>Whose remembered answers the caller shares; null where the token does not say.</summary>
    public string? Tenant { get; }

    /// <summary>The grant of the request's token, or null where no token was accepted.</summary>
    public static TokenGrant? Of(HttpContext http) => http.Features.Get<TokenGrant>();

    /// <summary>Keeps what the accepted token allows with its request.</summary>
    public void KeepWith(HttpContext http) => http.Features.Set(this);

    /// <summary>Who may manage models may see them; nothing else follows from anything.</summary>
    public bool Has(string scope) => _scopes.Contains(scope) || (scope == Scopes.Read && _scopes.Contains(Scopes.Manage));

    // As JSON, so that no text is another tenant's number or list. Nothing is nobody: those without a tenant do not share with each other.
    private static string? TenantOf(object? claim) => claim is null or "" or JsonElement { ValueKind: JsonValueKind.Null } ? null : JsonSerializer.Serialize(claim);

    private static string? Abridge(string? name) => name is null || name.Length <= LongestSubject
        ? name
        : $"{name[..(LongestSubject / 2)]}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 16))}";

    private void AddScopes(JsonWebToken token, string claim)
    {
        foreach (string scope in Read(token, claim) ?? [])
        {
            _scopes.Add(scope);
        }
    }

    // From the payload and not from the principal's claims: those of an empty array do not exist, and its absence means all models.
    private static List<string>? Read(JsonWebToken token, string claim) =>
        !token.TryGetPayloadValue(claim, out object? value) ? null : value switch
        {
            string text => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)],
            JsonElement { ValueKind: JsonValueKind.Array } array =>
                [.. array.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)],
            _ => [],
        };
}
