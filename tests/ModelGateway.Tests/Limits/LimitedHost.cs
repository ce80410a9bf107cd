using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;

namespace ModelGateway.Tests.Limits;

/// <summary>A host with two models that asks for tokens, and callers with tokens of their own.</summary>
public sealed class LimitedHost : IAsyncDisposable
{
    // So slow that no test sees a bucket fill.
    public const string Slow = "0.001";
    private readonly ConcurrentDictionary<string, string> _tokens = new(StringComparer.Ordinal);
    private GatewayHost? _host;

    private LimitedHost()
    {
    }

    public GatewayHost Host => _host!;

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static async Task<LimitedHost> StartAsync(params (string Key, string Value)[] settings)
    {
        var host = new LimitedHost();
        host._host = await GatewayHost.StartAsync(
            repository =>
            {
                repository.AddVersion("first", 1, TestModels.AddConstant(1));
                repository.AddVersion("second", 1, TestModels.AddConstant(1));
            },
            [
                ("Gateway:Auth:Enabled", "true"),
                ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
                ("Gateway:Auth:Keys:0:Pem", host.Key.ExportSubjectPublicKeyInfoPem()),
                .. settings,
            ]);
        return host;
    }

    /// <summary>A caller's token, the same each time: only one that was accepted before is answered before routing, and no two signatures are the same.</summary>
    public string TokenOf(string subject) => _tokens.GetOrAdd(subject, static (name, key) => new TestToken().With("sub", name).Sign(key), Key);

    /// <summary>Sends a prediction; the same body each time unless another value is given.</summary>
    public Task<HttpResponseMessage> PredictAsync(string? subject, string path = "/predict/first", int value = 1) =>
        SendAsync(HttpMethod.Post, path, subject, JsonContent.Create(new { inputs = new { x = new[] { new[] { value } } } }));

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? subject, HttpContent? content = null)
    {
        if (content is not null)
        {
            // With a length, as most callers send it.
            await content.LoadIntoBufferAsync();
        }

        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = subject is null ? null : new AuthenticationHeaderValue("Bearer", TokenOf(subject));
        return await Host.Client.SendAsync(request);
    }

    public async Task<int> StatusAsync(string? subject, string path = "/predict/first", int value = 1)
    {
        using HttpResponseMessage response = await PredictAsync(subject, path, value);
        return (int)response.StatusCode;
    }

    public async Task<double?> MetricAsync(string series) => Http.HttpGateway.Value(await Host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), series);

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Key.Dispose();
    }
}
