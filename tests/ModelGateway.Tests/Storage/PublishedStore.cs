using System.Text;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Storage;

/// <summary>
/// A real store with what publishers do to it and what it tells the gateway then. The gateway reaches it through a proxy, so that it can
/// vanish with all that is in it; publishers go past the proxy.
/// </summary>
internal abstract class PublishedStore(FaultProxy proxy) : IAsyncDisposable
{
    public const string S3 = "S3";
    public const string S3WithIndex = "S3 with an index";
    public const string Azure = "Azure";
    public const string Gcs = "GCS";
    public const string WebServer = "web server";
    public const string MLflow = "MLflow";
    public const string MLflowOnS3 = "MLflow with its files in S3";

    /// <summary>Between the gateway and the store.</summary>
    public FaultProxy Proxy { get; } = proxy;

    /// <summary>As the gateway's setting names it, and as it is shown.</summary>
    public abstract string Location { get; }

    /// <summary>What opens it: environment variables without their <c>Gateway__</c>.</summary>
    public abstract IReadOnlyDictionary<string, string?> Settings { get; }

    /// <summary>Texts from the settings and the files they name, which nobody may ever read.</summary>
    public abstract IReadOnlyList<string> Secrets { get; }

    public static async Task<PublishedStore> StartAsync(string name) => name switch
    {
        S3 => await PublishedS3.StartAsync("models", "live"),
        S3WithIndex => await PublishedS3.StartAsync("indexed", prefix: null),
        Azure => await PublishedAzure.StartAsync(),
        Gcs => await PublishedGcs.StartAsync(),
        WebServer => await PublishedWebServer.StartAsync(),
        MLflow => await PublishedRegistry.StartAsync(),
        MLflowOnS3 => await PublishedRegistry.StartOnS3Async(),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such store."),
    };

    /// <summary>Says what a model is.</summary>
    public abstract Task DescribeAsync(string model, string description);

    /// <summary>Adds a version.</summary>
    public abstract Task PublishAsync(string model, long version, byte[] onnx);

    /// <summary>The body that the store itself sends, or has sent for it, after <see cref="PublishAsync"/>.</summary>
    public abstract string Notify(string model, long version);

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await StopAsync();
    }

    protected abstract Task StopAsync();

    protected static byte[] Yaml(string description) => Encoding.UTF8.GetBytes($"description: {description}\n");
}
