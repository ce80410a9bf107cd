using System.Globalization;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using ModelGateway.Auth;
using ModelGateway.Serving.Inference;

namespace ModelGateway.Caching;

/// <summary>Reads what a request says of the cache: its <c>Cache-Control</c>, and whose entries it may use.</summary>
internal sealed class CacheDirectiveReader(IOptions<GatewayOptions> options)
{
    private static readonly CacheDirectives Foreign = new() { Refusal = "no_tenant" };
    private readonly bool _isolates = !string.IsNullOrWhiteSpace(options.Value.Cache.TenantClaim);

    public CacheDirectives Read(HttpContext http)
    {
        CacheDirectives directives = CacheDirectives.None;
        if (_isolates)
        {
            // A token without the claim has no entries of its own and may not use those of others.
            directives = TokenGrant.Of(http)?.Tenant is { } tenant ? new CacheDirectives { Tenant = tenant } : Foreign;
        }

        StringValues header = http.Request.Headers.CacheControl;
        return header.Count == 0 ? directives : Read(header, directives);
    }

    // RFC 9111, 5.2.1; what is unknown or malformed is passed over, but for a max-age that cannot be read, which means 0 (4.2.1).
    private static CacheDirectives Read(StringValues header, CacheDirectives directives)
    {
        foreach (string? line in header)
        {
            foreach (Range part in (line ?? "").AsSpan().Split(','))
            {
                ReadOnlySpan<char> directive = line.AsSpan()[part].Trim();
                if (directive.Equals("no-store", StringComparison.OrdinalIgnoreCase))
                {
                    directives = directives with { NoStore = true };
                }
                else if (directive.Equals("no-cache", StringComparison.OrdinalIgnoreCase))
                {
                    directives = directives with { NoCache = true };
                }
                else if (directive.Equals("only-if-cached", StringComparison.OrdinalIgnoreCase))
                {
                    directives = directives with { OnlyIfCached = true };
                }
                else if (directive.StartsWith("max-age=", StringComparison.OrdinalIgnoreCase))
                {
                    directives = WithMaxAge(directives, directive["max-age=".Length..].Trim('"'));
                }
            }
        }

        return directives;
    }

    private static CacheDirectives WithMaxAge(CacheDirectives directives, ReadOnlySpan<char> text)
    {
        // As many digits as one likes: what is beyond the range is as good as no limit.
        bool isNumber = text.Length > 0 && text.IndexOfAnyExceptInRange('0', '9') < 0;
        int seconds = isNumber ? int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int read) ? read : int.MaxValue : 0;
        return seconds == 0 ? directives with { NoCache = true } : directives with { MaxAge = TimeSpan.FromSeconds(seconds) };
    }
}
