using System.Security.Cryptography;
using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class BlobFolderTests : IDisposable
{
    private const int Size = 1000;
    private readonly string _base = Directory.CreateTempSubdirectory("blobs-").FullName;

    public void Dispose() => Directory.Delete(_base, recursive: true);

    // Two processes that share the folder see each other's removals while they count and choose what to remove.
    [Fact]
    public async Task Add_OtherProcessesRemoveWhileThisOneCounts_TakesTheFileIn()
    {
        BlobFolder[] processes = [.. Enumerable.Range(0, 2).Select(_ => new BlobFolder(Path.Combine(_base, "cache"), 20 * Size, static _ => { }))];

        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                byte[] content = RandomNumberGenerator.GetBytes(Size);
                string file = Path.Combine(_base, $"{worker}-{i}.new");
                string link = Path.Combine(_base, $"{worker}-{i}");
                File.WriteAllBytes(file, content);
                processes[worker % 2].Add(file, Convert.ToHexStringLower(SHA256.HashData(content)), link).Dispose();
                Assert.Equal(Size, new FileInfo(link).Length);
                File.Delete(link);
            }
        })));
    }
}
