using Google.Apis.Http;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.Gcs;

/// <summary>Lets Google's library ask for tokens over connections of ours: counted, and given up in time.</summary>
/// <param name="traffic">Counts the requests.</param>
/// <param name="isMetadataServer">It is one hop away, or not there at all; and it is never asked through a proxy, which would see the token.</param>
internal sealed class TokenHttpClientFactory(StoreTraffic traffic, bool isMetadataServer) : HttpClientFactory
{
    // One pool for all credentials that are made one after the other.
    private readonly HttpMessageHandler _handler = Connect(traffic, isMetadataServer);

    protected override HttpMessageHandler CreateHandler(CreateHttpClientArgs args) => _handler;

    private static ObservedHandler Connect(StoreTraffic traffic, bool isMetadataServer)
    {
        SocketsHttpHandler connections = ObservedHandler.CreateConnections();
        connections.AllowAutoRedirect = false;
        if (isMetadataServer)
        {
            connections.UseProxy = false;
            connections.ConnectTimeout = TimeSpan.FromSeconds(2);
        }

        return new ObservedHandler(traffic, static _ => "token", new ImpatientHandler(connections));
    }

    /// <summary>
    /// The library takes a cancelled request for a slow server and goes on for six minutes, while everybody waits for that one attempt;
    /// an ordinary failure it hands on.
    /// </summary>
    private sealed class ImpatientHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(Patience);
            try
            {
                HttpResponseMessage response = await base.SendAsync(request, patience.Token);
                await response.Content.LoadIntoBufferAsync(patience.Token);
                return response;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new HttpRequestException($"nothing arrived for {Patience.TotalSeconds} seconds");
            }
        }
    }
}
