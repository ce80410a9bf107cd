using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>Who a token stands for, and what it may be used for.</summary>
public sealed record GcsAccount(string Email, IReadOnlyList<string> Scopes, DateTimeOffset Expires);

/// <summary>
/// Issues access tokens as Google's token servers do, and checks them: for a service account's signed assertion (RFC 7523), for a
/// federated token (RFC 8693), for an account that may act as another, and for whoever reaches the metadata server. Safe for any thread.
/// </summary>
public sealed class GcsTokens
{
    private const string ReadOnly = "https://www.googleapis.com/auth/devstorage.read_only";
    private const string Iam = "https://www.googleapis.com/auth/iam";
    private const string Cloud = "https://www.googleapis.com/auth/cloud-platform";
    private const string ReadWrite = "https://www.googleapis.com/auth/devstorage.read_write";
    private const string ActAs = "v1/projects/-/serviceAccounts/";
    private readonly ConcurrentDictionary<string, GcsAccount> _issued = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RSA> _keys = new(StringComparer.Ordinal);
    private readonly Uri _address;
    private int _requests;

    internal GcsTokens(Uri address) => _address = address;

    /// <summary>Whom the metadata server speaks for; null where it has no account to give.</summary>
    public string? MachineAccount { get; set; } = "machine@project.iam.gserviceaccount.com";

    /// <summary>Federated tokens that are taken, each with its account.</summary>
    public ConcurrentDictionary<string, string> FederatedTokens { get; } = new(StringComparer.Ordinal);

    /// <summary>How long the next tokens live.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Requests for tokens so far.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Makes a service account with a key, and gives the file that Google's console would.</summary>
    public string CreateServiceAccount(string email)
    {
        var key = RSA.Create(2048);
        _keys[email] = key;
        return new JsonObject
        {
            ["type"] = "service_account",
            ["project_id"] = "project",
            ["private_key_id"] = "key-1",
            ["private_key"] = key.ExportPkcs8PrivateKeyPem(),
            ["client_email"] = email,
            ["client_id"] = "1",
            ["token_uri"] = new Uri(_address, "token").AbsoluteUri,
        }.ToJsonString();
    }

    /// <summary>Removes a service account's key.</summary>
    public void RemoveServiceAccount(string email) => _keys.TryRemove(email, out _);

    /// <summary>No token that was issued to an account is taken any more.</summary>
    public void Revoke(string email)
    {
        foreach (string token in _issued.Where(issued => issued.Value.Email == email).Select(issued => issued.Key).ToList())
        {
            _issued.TryRemove(token, out _);
        }
    }

    internal string IssueForPublisher() => Issue("publisher@project.iam.gserviceaccount.com", [ReadWrite]);

    /// <summary>Null for an anonymous caller.</summary>
    internal GcsAccount? Authenticate(string? authorization)
    {
        if (string.IsNullOrEmpty(authorization))
        {
            return null;
        }

        return AuthenticationHeaderValue.TryParse(authorization, out AuthenticationHeaderValue? header) && header.Scheme == "Bearer"
            && _issued.TryGetValue(header.Parameter ?? "", out GcsAccount? account) && account.Expires > DateTimeOffset.UtcNow
            ? account
            : throw new GcsException(401, "authError", "Invalid Credentials");
    }

    internal static void Demand(GcsAccount? account, GcsBucket bucket, string permission, bool isWrite)
    {
        if (account is null && (isWrite || !bucket.IsPublic || bucket.RequesterPays))
        {
            throw new GcsException(401, "required", $"Anonymous caller does not have {permission} access to the Google Cloud Storage bucket.");
        }

        if (account is not null && !account.Scopes.Contains(ReadWrite) && (isWrite || !account.Scopes.Contains(ReadOnly)))
        {
            throw new GcsException(403, "insufficientPermissions", "Request had insufficient authentication scopes.");
        }

        if (account is not null && !isWrite && bucket.Readers?.Contains(account.Email) == false && !bucket.IsPublic)
        {
            throw new GcsException(403, "forbidden", $"{account.Email} does not have {permission} access to the Google Cloud Storage bucket. Permission '{permission}' denied on resource (or it may not exist).");
        }
    }

    internal async Task AnswerAsync(HttpContext context, string path, GcsQuery query)
    {
        Interlocked.Increment(ref _requests);
        JsonObject answer = (context.Request.Method, path) switch
        {
            ("POST", "token") => ForAssertion(await context.Request.ReadFormAsync()),
            ("POST", "sts/v1/token") => ForFederated(await context.Request.ReadFormAsync()),
            ("POST", _) when path.StartsWith(ActAs, StringComparison.Ordinal) => await ForOtherAsync(context, path[ActAs.Length..]),
            ("GET", "computeMetadata/v1/instance/service-accounts/default/token") => ForMachine(context, query),
            _ => throw GcsException.NotFound("Not Found"),
        };
        context.Response.StatusCode = answer.ContainsKey("error") ? StatusCodes.Status400BadRequest : StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString());
    }

    private JsonObject ForAssertion(IFormCollection form) =>
        form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer" ? Refused("unsupported_grant_type", "Invalid grant_type")
        : GcsAssertion.Parse(form["assertion"].ToString()) is not { } assertion ? Refused("invalid_grant", "Invalid JWT")
        : !_keys.TryGetValue(assertion.Issuer, out RSA? key) ? Refused("invalid_grant", "Invalid grant: account not found")
        : !assertion.IsSignedBy(key) ? Refused("invalid_grant", "Invalid JWT Signature.")
        : !assertion.IsValid(DateTimeOffset.UtcNow) ? Refused("invalid_grant", "Invalid JWT: wrong audience, or not valid now.")
        : Token(Issue(assertion.Issuer, assertion.Scopes));

    private JsonObject ForFederated(IFormCollection form) =>
        form["grant_type"] != "urn:ietf:params:oauth:grant-type:token-exchange" || form["requested_token_type"] != "urn:ietf:params:oauth:token-type:access_token"
            || string.IsNullOrEmpty(form["audience"]) || form["subject_token_type"] != "urn:ietf:params:oauth:token-type:jwt"
            ? Refused("invalid_request", "Not a token exchange.")
        : !FederatedTokens.TryGetValue(form["subject_token"].ToString(), out string? account) ? Refused("invalid_grant", "The subject token is not taken.")
        : Token(Issue(account, form["scope"].ToString().Split(' ')), "urn:ietf:params:oauth:token-type:access_token");

    private async Task<JsonObject> ForOtherAsync(HttpContext context, string target)
    {
        string[] parts = target.Split(':');
        if (parts.Length != 2 || parts[1] != "generateAccessToken" || Authenticate(context.Request.Headers.Authorization)?.Scopes.Any(scope => scope is Iam or Cloud) != true)
        {
            throw new GcsException(403, "forbidden", "Permission 'iam.serviceAccounts.getAccessToken' denied.");
        }

        JsonNode request = (await JsonNode.ParseAsync(context.Request.Body))!;
        string token = Issue(Uri.UnescapeDataString(parts[0]), [.. request["scope"]!.AsArray().Select(scope => (string)scope!)]);
        return new JsonObject { ["accessToken"] = token, ["expireTime"] = (DateTimeOffset.UtcNow + Lifetime).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) };
    }

    // The header guards against requests that a page or a redirect sends unwittingly.
    private JsonObject ForMachine(HttpContext context, GcsQuery query)
    {
        if (context.Request.Headers["Metadata-Flavor"] != "Google" || context.Request.Headers.ContainsKey("X-Forwarded-For"))
        {
            throw new GcsException(403, "forbidden", "Missing Metadata-Flavor:Google header.");
        }

        context.Response.Headers["Metadata-Flavor"] = "Google";
        query.AllowOnly("scopes");
        return MachineAccount is { } account ? Token(Issue(account, (query["scopes"] ?? ReadOnly).Split(','))) : throw GcsException.NotFound("There is no service account.");
    }

    private string Issue(string email, IReadOnlyList<string> scopes)
    {
        string token = $"ya29.{Guid.NewGuid():n}";
        _issued[token] = new GcsAccount(email, scopes, DateTimeOffset.UtcNow + Lifetime);
        return token;
    }

    private JsonObject Token(string token, string? issuedType = null)
    {
        var json = new JsonObject { ["access_token"] = token, ["expires_in"] = (int)Lifetime.TotalSeconds, ["token_type"] = "Bearer" };
        if (issuedType is not null)
        {
            json["issued_token_type"] = issuedType;
        }

        return json;
    }

    private static JsonObject Refused(string error, string description) => new() { ["error"] = error, ["error_description"] = description };
}
