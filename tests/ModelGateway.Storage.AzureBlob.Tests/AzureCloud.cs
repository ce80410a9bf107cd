using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.AzureBlob.Tests;

/// <summary>
/// As much of Azure as a workload identity needs, over real TLS: the sign-in of Entra ID and a blob service. Whatever host a client asks
/// for, it is connected to this server.
/// </summary>
/// <remarks>
/// The SDKs speak to nothing but https here: MSAL and Azure.Identity refuse an AZURE_AUTHORITY_HOST of http, and the blob client refuses to
/// send a token over http. So the server has a certificate of its own, which only these connections trust.
/// </remarks>
internal sealed class AzureCloud : IAsyncDisposable
{
    private const string MetadataService = "169.254.169.254";

    private readonly X509Certificate2 _certificate = CreateCertificate();
    private readonly List<string> _requests = [];
    private WebApplication _server = null!;

    /// <summary>How Entra ID answers: the status and the body.</summary>
    public (int Status, string Body) Token { get; set; } = (200, """{"token_type":"Bearer","expires_in":3600,"access_token":"a-token"}""");

    /// <summary>How the blob service answers a request with the token.</summary>
    public (int Status, string Body) Blobs { get; set; } = (200, """
        <?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://account.blob.core.windows.net/" ContainerName="container"><Blobs><Blob><Name>iris/1/model.onnx</Name><Properties><Last-Modified>Mon, 02 Nov 2026 10:00:00 GMT</Last-Modified><Etag>0x1</Etag><Content-Length>3</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob></Blobs><NextMarker /></EnumerationResults>
        """);

    /// <summary>Whether this is a machine with a managed identity.</summary>
    public bool HasMetadataService { get; set; }

    /// <summary>
    /// The client id of the one user-assigned identity that the machine has; null where it has a system-assigned one alone. Asked for another
    /// than it has, the metadata service answers as Azure's does, with 400.
    /// </summary>
    public string? UserAssigned { get; set; }

    /// <summary>What the identity presented to Entra ID, form fields.</summary>
    public IReadOnlyDictionary<string, string> Presented { get; private set; } = new Dictionary<string, string>();

    /// <summary>Host and path of each request so far.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    public static async Task<AzureCloud> StartAsync()
    {
        var cloud = new AzureCloud();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(
            options =>
            {
                options.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(cloud._certificate));
                options.Listen(IPAddress.Loopback, 0);
            });
        cloud._server = builder.Build();
        cloud._server.Run(cloud.AnswerAsync);
        await cloud._server.StartAsync();
        return cloud;
    }

    /// <summary>Connections that end at this server.</summary>
    public SocketsHttpHandler CreateConnections()
    {
        SocketsHttpHandler connections = ObservedHandler.CreateConnections();
        Dictionary<string, int> ports = _server.Urls.Select(url => new Uri(url)).ToDictionary(url => url.Scheme, url => url.Port);
        connections.UseProxy = false;
        connections.ConnectCallback = async (context, cancellationToken) =>
        {
            if (context.DnsEndPoint.Host == MetadataService && !HasMetadataService)
            {
                throw new SocketException((int)SocketError.NetworkUnreachable);
            }

            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, ports[context.InitialRequestMessage.RequestUri!.Scheme], cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        };
        connections.SslOptions = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, presented, _, _) => presented?.GetCertHashString() == _certificate.GetCertHashString(),
        };
        return connections;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _certificate.Dispose();
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=azure.test", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        lock (_requests)
        {
            _requests.Add($"{context.Request.Host.Host}{context.Request.Path}");
        }

        string path = context.Request.Path.Value!;
        string host = context.Request.Host.Host;
        (int status, string body) = (404, "{}");
        if (path.EndsWith("/oauth2/v2.0/token", StringComparison.Ordinal))
        {
            Presented = (await context.Request.ReadFormAsync()).ToDictionary(field => field.Key, field => field.Value.ToString());
            (status, body) = Token;
        }
        else if (host == MetadataService && path == "/metadata/identity/oauth2/token")
        {
            string? identity = context.Request.Query["client_id"];
            (status, body) = context.Request.Headers["Metadata"] != "true" ? (400, """{"error":"invalid_request","error_description":"Required metadata header not specified"}""")
                : identity != UserAssigned ? (400, """{"error":"invalid_request","error_description":"Identity not found"}""")
                : (200, """{"token_type":"Bearer","expires_in":"3600","expires_on":"4070908800","resource":"https://storage.azure.com/","access_token":"a-token"}""");
        }
        else if (host.EndsWith(".blob.core.windows.net", StringComparison.Ordinal))
        {
            (status, body) = context.Request.Headers.Authorization == "Bearer a-token" ? Blobs : (401, "");
        }

        context.Response.StatusCode = status;
        context.Response.ContentType = host.EndsWith(".windows.net", StringComparison.Ordinal) ? "application/xml" : "application/json";
        await context.Response.WriteAsync(body);
    }
}
