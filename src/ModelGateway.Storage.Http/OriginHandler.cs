using System.Net;

namespace ModelGateway.Storage.Http;

/// <summary>
/// Follows redirects, and sends the credentials to the repository's own origin (scheme, host and port) alone.
/// </summary>
/// <remarks>
/// Redirects are followed here and not by <see cref="SocketsHttpHandler"/>: that one drops the Authorization header at every redirect, one on
/// the same host included, and its hops would not be counted, because it stands below <see cref="ObservedHandler"/>.
/// </remarks>
/// <param name="origin">A URI of the repository's server.</param>
/// <param name="credentials">Those for that server.</param>
/// <param name="inner">Sends each request, and follows nothing.</param>
internal sealed class OriginHandler(Uri origin, HttpCredentials credentials, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MostRedirects = 5;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (int redirects = 0; ; redirects++)
        {
            request.Headers.Authorization = IsOrigin(request.RequestUri!) ? credentials.CreateHeader() : null;
            HttpResponseMessage response = await SendOneAsync(request, cancellationToken);
            if (!IsRedirect(response.StatusCode) || response.Headers.Location is not { } location)
            {
                return CheckEncoding(response);
            }

            response.Dispose();
            request.RequestUri = Follow(request.RequestUri!, location, redirects);
        }
    }

    private async Task<HttpResponseMessage> SendOneAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            throw new HttpRequestException(
                exception.HttpRequestError,
                $"no secure connection to {request.RequestUri!.Authority}: {RangeReader.Describe(exception)}; "
                + $"a certificate of a private authority needs Gateway:{HttpStoreOptions.Section}:{nameof(HttpStoreOptions.CertificateAuthorityFile)}");
        }
    }

    private bool IsOrigin(Uri target) => Uri.Compare(target, origin, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsRedirect(HttpStatusCode status) => status
        is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    // The messages name the host alone: the rest of such an address may be a signature.
    private static Uri Follow(Uri from, Uri location, int redirects)
    {
        if (redirects == MostRedirects || !Uri.TryCreate(from, location, out Uri? target))
        {
            throw new HttpRequestException($"the server redirects in circles, or to no address, from {from.Host}");
        }

        return target.Scheme == Uri.UriSchemeHttps || (target.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp)
            ? target
            : throw new HttpRequestException($"the server redirects from {from.Scheme} to {target.Scheme} on {target.Host}, which is not followed");
    }

    // Some servers send a compressed file whatever they are asked for; its size and SHA-256 would be those of another object.
    private static HttpResponseMessage CheckEncoding(HttpResponseMessage response)
    {
        string codings = string.Join(", ", response.Content.Headers.ContentEncoding.Where(coding => !coding.Equals("identity", StringComparison.OrdinalIgnoreCase)));
        if (codings.Length == 0)
        {
            return response;
        }

        response.Dispose();
        throw new HttpRequestException($"the server sends it compressed ({codings}) although that was not asked for; switch compression off for the repository");
    }
}
