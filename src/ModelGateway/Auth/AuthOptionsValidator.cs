using Microsoft.Extensions.Options;
using ModelGateway.Serving.Models;

namespace ModelGateway.Auth;

/// <summary>The rules between the settings of <c>Gateway:Auth</c>; all faults at once, each with the setting and what to put there.</summary>
internal sealed class AuthOptionsValidator(IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    private const string Section = AuthOptions.Section;

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        AuthOptions auth = options.Auth;
        if (!auth.Enabled)
        {
            return ValidateOptionsResult.Success;
        }

        var faults = new List<string>();
        CheckSource(auth, faults);
        CheckAuthority(auth, faults);
        CheckTexts(auth, faults);
        CheckRevoked(auth, faults);
        CheckAlgorithms(auth, faults);
        ConfiguredKeys.Read(auth, environment.ContentRootPath, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private void CheckSource(AuthOptions auth, List<string> faults)
    {
        bool hasAuthority = !string.IsNullOrWhiteSpace(auth.Authority);
        if (hasAuthority && auth.Keys.Count > 0)
        {
            faults.Add($"{Section}:Authority and {Section}:Keys are both set: keep the one whose tokens shall be accepted.");
        }
        else if (!hasAuthority && auth.Keys.Count == 0 && !environment.IsDevelopment())
        {
            faults.Add(
                "Nothing says whose tokens are accepted. Set one of:\n"
                + "    Gateway__Auth__Authority=https://issuer.example.com   (an OIDC issuer; its keys are found by themselves)\n"
                + "    Gateway__Auth__Keys__0__PemFile=/keys/public.pem and Gateway__Auth__Issuer=<the claim iss>   (a key of your own)\n"
                + "    Gateway__Auth__Enabled=false   (no tokens: everybody who reaches the server may do everything)");
        }

        if (auth.Keys.Count > 0 && string.IsNullOrWhiteSpace(auth.Issuer))
        {
            faults.Add($"{Section}:Issuer is not set: with Keys, say which issuer (claim 'iss') the tokens must be from.");
        }
    }

    private void CheckAuthority(AuthOptions auth, List<string> faults)
    {
        if (string.IsNullOrWhiteSpace(auth.Authority))
        {
            return;
        }

        if (!Uri.TryCreate(auth.Authority, UriKind.Absolute, out Uri? uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
        {
            faults.Add($"{Section}:Authority is not a URL: it looks like https://issuer.example.com.");
        }
        else if (uri.Scheme == Uri.UriSchemeHttp && NeedsHttps(auth, environment))
        {
            faults.Add($"{Section}:Authority has no TLS: use https, or allow it with {Section}:RequireHttpsMetadata=false.");
        }
    }

    /// <summary>Whether the keys must come over TLS; by default everywhere but on the loopback address and in Development.</summary>
    public static bool NeedsHttps(AuthOptions auth, IHostEnvironment environment) =>
        auth.RequireHttpsMetadata ?? !(environment.IsDevelopment() || (Uri.TryCreate(auth.Authority, UriKind.Absolute, out Uri? uri) && uri.IsLoopback));

    private static void CheckTexts(AuthOptions auth, List<string> faults)
    {
        if (auth.Audience.Any(string.IsNullOrWhiteSpace))
        {
            faults.Add($"{Section}:Audience is empty: name what the tokens are for (claim 'aud'), or leave it out for '{AuthOptions.DefaultAudience}'.");
        }

        if (auth.ScopeClaims.Any(string.IsNullOrWhiteSpace))
        {
            faults.Add($"{Section}:ScopeClaims is empty: name a claim, or leave it out.");
        }
    }

    private static void CheckRevoked(AuthOptions auth, List<string> faults)
    {
        if (auth.RevokedTokens.Any(string.IsNullOrWhiteSpace))
        {
            faults.Add($"{Section}:RevokedTokens is empty: name the ids (claim 'jti') of tokens, or leave it out.");
        }
    }

    private static void CheckAlgorithms(AuthOptions auth, List<string> faults)
    {
        // An issuer's keys are public: taken as a shared secret, they would let everybody sign.
        IReadOnlyList<string> known = auth.Keys.Count > 0 ? SignatureAlgorithms.All : SignatureAlgorithms.Asymmetric;
        foreach (string algorithm in auth.Algorithms.Where(algorithm => !known.Contains(algorithm)))
        {
            faults.Add($"{Section}:Algorithms has '{algorithm}'; accepted can be {string.Join(", ", known)}.{NameSuggestion.For(algorithm, known)}");
        }
    }
}
