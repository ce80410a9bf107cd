using System.Globalization;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Storage;

/// <summary>An MLflow registry that asks for a token; served is what has the alias, which each new version is given.</summary>
internal sealed class PublishedRegistry(FaultProxy proxy, MlflowServer server) : PublishedStore(proxy)
{
    private const string Alias = "champion";

    public override string Location => $"mlflow+{Proxy.Address.AbsoluteUri.TrimEnd('/')}?alias={Alias}";

    public override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?> { ["MLflow__Token"] = Secrets[0] };

    public override IReadOnlyList<string> Secrets { get; } = ["not-a-real-tracking-token"];

    public static async Task<PublishedRegistry> StartAsync()
    {
        MlflowServer server = await MlflowServer.StartAsync();
        var store = new PublishedRegistry(await FaultProxy.StartAsync(new Uri(server.Address)), server);
        server.Authorization = $"Bearer {store.Secrets[0]}";
        return store;
    }

    public override Task DescribeAsync(string model, string description)
    {
        server.AddModel(model, description);
        return Task.CompletedTask;
    }

    public override Task PublishAsync(string model, long version, byte[] onnx)
    {
        int number = server.AddVersion(model, MlflowServer.MLmodel(), ("model.onnx", onnx));
        server.SetAlias(model, Alias, number);
        return number == version ? Task.CompletedTask : throw new ArgumentException($"The registry numbers versions itself: this is {number}.", nameof(version));
    }

    public override string Notify(string model, long version) => JsonSerializer.Serialize(new
    {
        entity = "model_version_alias",
        action = "created",
        timestamp = "2026-11-26T16:00:00Z",
        data = new { name = model, alias = Alias, version = version.ToString(CultureInfo.InvariantCulture) },
    });

    protected override async Task StopAsync() => await server.DisposeAsync();
}
