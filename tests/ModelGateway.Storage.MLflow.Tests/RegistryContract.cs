using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>
/// The contract over a registry. A registered version does not change: to write one of its files anew is to remove the model, its files with it,
/// and to register it once more under the same numbers.
/// </summary>
public abstract class RegistryContract : ObjectStoreContract, IAsyncLifetime
{
    private readonly SortedDictionary<string, byte[]> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> _folders = new(StringComparer.Ordinal);
    private readonly StoreHarness _away = new();
    private Registry _registry = null!;
    private IObjectStore? _unreachable;
    private IObjectStore? _store;

    protected override IObjectStore Store => _store!;

    protected override IObjectStore Unreachable => _unreachable!;

    private protected MlflowServer Server => _registry.Server;

    public virtual async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        _registry.Harness.OpenOther = OpenOther;
        _store = _registry.Open("?alias=v1,v2");
        _unreachable = _away.Open(new MLflowObjectStoreProvider(static _ => null), "mlflow+http://127.0.0.1:1");
    }

    public virtual async Task DisposeAsync()
    {
        ((IDisposable)_unreachable!).Dispose();
        await _registry.DisposeAsync();
    }

    // A version has more files than a test writes: MLmodel's columns, its ONNX file, and the model's configuration.
    protected override bool IsWritten(string key) => _written.Contains(key);

    protected override Task WriteAsync(string key, byte[] content)
    {
        _written.Add(key);
        _files[key] = content;
        Register(key.Split('/')[0]);
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(string key)
    {
        _files.Remove(key);
        Register(key.Split('/')[0]);
        return Task.CompletedTask;
    }

    /// <summary>Where a folder of artifacts is, as a version's source.</summary>
    private protected abstract string SourceOf(string folder);

    /// <summary>Uploads an artifact.</summary>
    private protected abstract void Put(string folder, string name, byte[] content);

    /// <summary>Removes a folder of artifacts.</summary>
    private protected abstract void Remove(string folder, IEnumerable<string> names);

    /// <summary>The store behind a source that is not the tracking server's.</summary>
    private protected virtual IObjectStore OpenOther(Uri location) => throw new IOException("There is no other store.");

    private void Register(string model)
    {
        List<string> before = _folders.GetValueOrDefault(model, []);
        Server.RemoveModel(model);
        before.ForEach(folder => Remove(folder, _written.Where(key => key.StartsWith(model + '/', StringComparison.Ordinal)).Select(NameOf).Concat(["MLmodel", "model.onnx"])));
        List<string> now = _folders[model] = [];
        ILookup<int, KeyValuePair<string, byte[]>> versions = _files
            .Where(file => file.Key.StartsWith(model + '/', StringComparison.Ordinal))
            .ToLookup(file => int.Parse(file.Key.Split('/')[1], System.Globalization.CultureInfo.InvariantCulture));
        for (int version = 1; versions.Count > 0 && version <= versions.Max(group => group.Key); version++)
        {
            string run = Guid.NewGuid().ToString("n");
            string folder = $"1/{run}/artifacts/model";
            now.Add(folder);
            Put(folder, "MLmodel", MlflowServer.MLmodel().Content);
            Put(folder, "model.onnx", [1]);
            foreach ((string key, byte[] content) in versions[version])
            {
                Put(folder, NameOf(key), content);
            }

            Server.AddVersion(model, SourceOf(folder), run);
            if (versions.Contains(version))
            {
                Server.SetAlias(model, $"v{version}", version);
            }
        }
    }

    private static string NameOf(string key) => key.Split('/', 3)[2];
}
