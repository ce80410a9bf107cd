using System.Net;
using System.Net.Http.Headers;

namespace ModelGateway.Storage.Gcs;

/// <summary>
/// Gives each request its access token, once more with a new one where the store does not take it, and turns refusals into an
/// <see cref="IOException"/> that says what to change. What the callers understand by themselves (not there, changed) passes.
/// </summary>
/// <param name="location">For the messages.</param>
/// <param name="tokens">Null where requests are anonymous.</param>
/// <param name="inner">Sends and counts.</param>
internal sealed class GcsHandler(GcsLocation location, AccessTokens? tokens, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = tokens is null ? await base.SendAsync(request, cancellationToken) : await SendAsync(request, tokens, cancellationToken);
        if (response.StatusCode is < HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return response;
        }

        using (response)
        {
            throw await GcsRefusalReader.ReadAsync(response, location, isAnonymous: tokens is null, cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, AccessTokens access, CancellationToken cancellationToken)
    {
        string token = await access.GetAsync(cancellationToken);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode != HttpStatusCode.Unauthorized)
        {
            return response;
        }

        // Revoked before its time, or the key was replaced.
        response.Dispose();
        access.Forget(token);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await access.GetAsync(cancellationToken));
        return await base.SendAsync(request, cancellationToken);
    }
}
