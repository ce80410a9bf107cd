namespace ModelGateway.Auth;

/// <summary>The token in the header of a request (RFC 6750, 2.1); those in a body or a query are never looked at, because queries are logged everywhere.</summary>
internal static class BearerToken
{
    private const string Prefix = "Bearer ";

    /// <summary>False where the header is missing, of another scheme or empty.</summary>
    public static bool TryFind(HttpRequest request, out ReadOnlySpan<char> token)
    {
        string header = request.Headers.Authorization.ToString();
        token = header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? header.AsSpan(Prefix.Length).Trim() : default;
        return !token.IsEmpty;
    }
}
