using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

/// <summary>The server, and the key file of an account that may read its buckets.</summary>
public sealed class GcsFixture : IAsyncLifetime
{
    public const string Reader = "reader@project.iam.gserviceaccount.com";
    private readonly string _folder = Directory.CreateTempSubdirectory("gcs-").FullName;

    public GcsServer Server { get; } = new();

    public string KeyFile => Path.Combine(_folder, "key.json");

    /// <summary>An empty folder of its own.</summary>
    public string CreateFolder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;

    public async Task InitializeAsync()
    {
        await Server.InitializeAsync();
        await File.WriteAllTextAsync(KeyFile, Server.Tokens.CreateServiceAccount(Reader));
    }

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Settings with the server's address before others.</summary>
    public StoreHarness Harness(params (string Key, string? Value)[] settings) => new([("Endpoint", Server.Address.AbsoluteUri), .. settings]);

    /// <summary>Settings that read the key file.</summary>
    public StoreHarness HarnessWithKey() => Harness(("CredentialsFile", KeyFile));

    /// <summary>A store in an environment without variables, unless some are given.</summary>
    public static IObjectStore Open(StoreHarness harness, string location, Func<string, string?>? environment = null) =>
        harness.Open(new GcsObjectStoreProvider(environment ?? (static _ => null)), location);

    public static async Task<IReadOnlyList<StoredObject>> ListAsync(IObjectStore store) =>
        [.. (await store.ListAsync(null, CancellationToken.None))!.Objects.OrderBy(item => item.Key, StringComparer.Ordinal)];

    public static async Task<byte[]> CopyAsync(IObjectStore store, StoredObject source)
    {
        using var destination = new MemoryStream();
        await store.CopyToAsync(source, destination, CancellationToken.None);
        return destination.ToArray();
    }

    public static byte[] Content(int size)
    {
        byte[] content = new byte[size];
        new Random(1).NextBytes(content);
        return content;
    }
}
