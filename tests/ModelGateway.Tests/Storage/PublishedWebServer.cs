using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Tests.Storage;

/// <summary>A folder of nginx with an index, behind a password. It has nothing to notify with: whoever publishes names the repository.</summary>
internal sealed class PublishedWebServer(FaultProxy proxy, NginxServer server) : PublishedStore(proxy)
{
    private const string User = "gateway";
    private const string Password = "not-a-real-password";
    private readonly IndexedFolder _folder = new(server.Root);

    public override string Location => new Uri(Proxy.Address, server.AddressOf(_folder.IndexFile).AbsolutePath).AbsoluteUri;

    public override IReadOnlyDictionary<string, string?> Settings { get; } = new Dictionary<string, string?>
    {
        ["Http__Username"] = User,
        ["Http__Password"] = Password,
    };

    public override IReadOnlyList<string> Secrets { get; } = [Password, Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"))];

    public static async Task<PublishedWebServer> StartAsync()
    {
        NginxServer server = await NginxServer.StartAsync("auth_basic models; auth_basic_user_file {base}/users;", ("users", $"{User}:{{PLAIN}}{Password}\n"));
        return new PublishedWebServer(await FaultProxy.StartAsync(server.Address), server);
    }

    public override Task DescribeAsync(string model, string description) => WriteAsync($"{model}/model.yaml", Yaml(description));

    public override Task PublishAsync(string model, long version, byte[] onnx) => WriteAsync($"{model}/{version}/model.onnx", onnx);

    public override string Notify(string model, long version) => JsonSerializer.Serialize(new { repository = Location });

    protected override async Task StopAsync()
    {
        _folder.Dispose();
        await server.DisposeAsync();
    }

    private Task WriteAsync(string key, byte[] content)
    {
        _folder.Write(key, content);
        return Task.CompletedTask;
    }
}
