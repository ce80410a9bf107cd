using Microsoft.Net.Http.Headers;

namespace ModelGateway.OpenApi;

/// <summary>What the page of Swagger UI may do in a browser, and the script of ours that it runs.</summary>
internal static class SwaggerPage
{
    public const string ScriptPath = "/swagger/ask-for-token.js";

    // Nothing from elsewhere, no script but files of this server, nobody's frame. The page itself writes styles into its elements, and
    // draws its icons from data URLs.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    // Asks once, before the document is read, and sends the token with every call to this server that has none of its own from
    // Authorize. It is kept in the page's memory only. Around fetch and not as an interceptor of the page: that is text there, which
    // only a policy with 'unsafe-eval' lets it run.
    private const string AskForToken = """
        (() => {
            const send = window.fetch.bind(window);
            let token;
            window.fetch = (resource, options) => {
                const url = new URL(resource instanceof Request ? resource.url : resource, document.baseURI);
                if (url.origin !== window.location.origin) {
                    return send(resource, options);
                }
                if (token === undefined && url.pathname.endsWith("/swagger.json")) {
                    token = (window.prompt("A token with the scope models:read is needed to see the models:") || "").trim();
                }
                const headers = new Headers(options?.headers ?? (resource instanceof Request ? resource.headers : undefined));
                if (token && !headers.has("Authorization")) {
                    headers.set("Authorization", "Bearer " + token);
                }
                return send(resource, { ...options, headers });
            };
        })();
        """;

    /// <summary>Sets the headers on everything below the page's path.</summary>
    public static Task ProtectAsync(HttpContext http, RequestDelegate next)
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        return next(http);
    }

    /// <summary>Answers with the script that asks for a token.</summary>
    public static IResult Script(HttpContext http)
    {
        http.Response.Headers[HeaderNames.CacheControl] = "no-cache";
        return TypedResults.Text(AskForToken, "text/javascript");
    }
}
