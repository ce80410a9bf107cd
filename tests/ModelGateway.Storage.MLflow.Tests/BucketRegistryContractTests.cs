using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>Files in a store of their own, which has ranges.</summary>
public sealed class BucketRegistryContractTests : RegistryContract, IDisposable
{
    private readonly RepositoryFolder _bucket = new();

    public void Dispose() => _bucket.Dispose();

    private protected override string SourceOf(string folder) => $"s3://bucket/{folder}";

    private protected override IObjectStore OpenOther(Uri location) => new FileObjectStore(PathOf(location.AbsolutePath.Trim('/')));

    private protected override void Put(string folder, string name, byte[] content)
    {
        string file = Path.Combine(PathOf(folder), name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, content);
    }

    private protected override void Remove(string folder, IEnumerable<string> names) => Directory.Delete(PathOf(folder), recursive: true);

    private string PathOf(string folder) => Path.Combine(_bucket.Root, folder);
}
