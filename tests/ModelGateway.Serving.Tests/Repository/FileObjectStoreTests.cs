using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed partial class FileObjectStoreTests : KeyedObjectStoreContract, IDisposable
{
    private const UnixFileMode Everyone = (UnixFileMode)0b_111_101_101;
    private readonly string _base = Directory.CreateTempSubdirectory("store-").FullName;
    private readonly string _root;
    private DateTime _lastWrite = DateTime.UtcNow;

    public FileObjectStoreTests()
    {
        _root = Directory.CreateDirectory(Path.Combine(_base, "root")).FullName;
        File.WriteAllText(Path.Combine(_base, "secret"), "not of the repository");
        Store = new FileObjectStore(_root);
    }

    protected override IObjectStore Store { get; }

    // A folder holds no name with an empty part or "..".
    protected override bool HoldsAnyName => false;

    // A file that is written over in place shows through.
    protected override bool CopiesAreSnapshots => false;

    protected override IObjectStore Unreachable => new FileObjectStore(Path.Combine(_base, "no such folder"));

    public void Dispose() => Directory.Delete(_base, recursive: true);

    [Theory]
    [InlineData("/")]
    [InlineData("//")]
    [InlineData("/.")]
    [InlineData("/../root")]
    public async Task CopyToAsync_RootSpelledOtherwise_Copies(string suffix)
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        var store = new FileObjectStore(_root + suffix);
        using var destination = new MemoryStream();

        await store.CopyToAsync(Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects), destination, CancellationToken.None);

        Assert.Equal(Content(10), destination.ToArray());
        Assert.Equal(Store.Location, store.Location);
    }

    [Fact]
    public async Task ListAsync_RootIsAFile_IsAnIOException()
    {
        await Assert.ThrowsAnyAsync<IOException>(() => new FileObjectStore(Path.Combine(_base, "secret")).ListAsync(null, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_RootIsALink_IsFollowed()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        string link = Path.Combine(_base, "link");
        Directory.CreateSymbolicLink(link, _root);

        Assert.Equal("iris/1/model.onnx", Assert.Single((await new FileObjectStore(link).ListAsync(null, CancellationToken.None))!.Objects).Key);
    }

    [Fact]
    public async Task ListAsync_LinksToFileAndFolder_ShowWhatTheyPointTo()
    {
        Directory.CreateDirectory(Path.Combine(_base, "elsewhere", "2"));
        await File.WriteAllBytesAsync(Path.Combine(_base, "elsewhere", "2", "model.onnx"), Content(7));
        await WriteAsync("iris/1/other", Content(1));
        Directory.CreateSymbolicLink(Path.Combine(_root, "iris", "2"), Path.Combine(_base, "elsewhere", "2"));
        File.CreateSymbolicLink(Path.Combine(_root, "iris", "1", "model.onnx"), Path.Combine("..", "2", "model.onnx"));

        IReadOnlyList<StoredObject> objects = await ListAsync();

        Assert.Equal([("iris/1/model.onnx", 7), ("iris/1/other", 1), ("iris/2/model.onnx", 7)], objects.Select(item => (item.Key, item.Size)));
        Assert.Equal(Content(7), await CopyAsync(objects[0]));
        Assert.Equal(Content(7), await CopyAsync(objects[2]));
    }

    [Fact]
    public async Task CopyToAsync_LinkPointsElsewhereNow_IsObjectChanged()
    {
        await WriteAsync("iris/1/old", Content(7));
        await WriteAsync("iris/1/new", Content(8));
        string link = Path.Combine(_root, "iris", "1", "model.onnx");
        File.CreateSymbolicLink(link, "old");
        StoredObject listed = (await ListAsync()).Single(item => item.Key == "iris/1/model.onnx");

        File.Delete(link);
        File.CreateSymbolicLink(link, "new");

        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(listed));
    }

    [Fact]
    public async Task ListAsync_DanglingLinksAndLoops_AreLeftOutAndTheRestIsListed()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        string version = Path.Combine(_root, "iris", "1");
        File.CreateSymbolicLink(Path.Combine(version, "dangling"), "nowhere");
        File.CreateSymbolicLink(Path.Combine(version, "itself"), "itself");
        File.CreateSymbolicLink(Path.Combine(version, "ping"), "pong");
        File.CreateSymbolicLink(Path.Combine(version, "pong"), "ping");

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
    }

    [Fact]
    public async Task ListAsync_LinkToAFolderAbove_Ends()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        Directory.CreateSymbolicLink(Path.Combine(_root, "iris", "1", "up"), Path.Combine(_root, "iris"));

        IReadOnlyList<StoredObject> objects = await ListAsync();

        Assert.Contains("iris/1/model.onnx", objects.Select(item => item.Key));
        Assert.InRange(objects.Count, 1, 3);
    }

    [Fact]
    public async Task ListAsync_LostAndFoundOfAFileSystem_IsLeftOut()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        await WriteAsync("lost+found/1/model.onnx", Content(1));

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task ListAsync_FolderThatMayNotBeRead_IsAnIOExceptionThatNamesIt()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        string folder = Path.Combine(_root, "iris", "1");
        File.SetUnixFileMode(_base, Everyone);
        File.SetUnixFileMode(folder, UnixFileMode.None);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => AsNobody(() => Store.ListAsync(null, CancellationToken.None)));

        Assert.Contains(folder, exception.Message, StringComparison.Ordinal);
        File.SetUnixFileMode(folder, Everyone);
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task CopyToAsync_FileThatMayNotBeRead_IsAnIOException()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        StoredObject listed = Assert.Single(await ListAsync());
        File.SetUnixFileMode(_base, Everyone);
        File.SetUnixFileMode(Path.Combine(_root, "iris", "1", "model.onnx"), UnixFileMode.None);

        await Assert.ThrowsAsync<IOException>(() => AsNobody(() => Store.CopyToAsync(listed, Stream.Null, CancellationToken.None)));
    }

    [Fact]
    public async Task ListAsync_DeeperThanAnyModel_IsLeftOut()
    {
        await WriteAsync("iris/1/a/b/file", Content(1));
        await WriteAsync("iris/1/a/b/c/file", Content(1));

        Assert.Equal(["iris/1/a/b/file"], (await ListAsync()).Select(item => item.Key));
    }

    [Fact]
    public async Task ListAsync_FoldersComeAndGoMeanwhile_NeverFails()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        using var stop = new CancellationTokenSource();
        Task churn = Task.Run(() =>
        {
            string folder = Path.Combine(_root, "churn", "1");
            while (!stop.IsCancellationRequested)
            {
                Directory.CreateDirectory(folder);
                File.WriteAllBytes(Path.Combine(folder, "model.onnx"), []);
                Directory.Delete(Path.Combine(_root, "churn"), recursive: true);
            }
        });

        for (int i = 0; i < 500; i++)
        {
            Assert.Contains("iris/1/model.onnx", (await ListAsync()).Select(item => item.Key));
        }

        await stop.CancelAsync();
        await churn;
    }

    [Fact]
    public async Task ListAsync_FileKeepsItsOldTime_TheFolderTellsThatItIsNew()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        File.SetLastWriteTimeUtc(Path.Combine(_root, "iris", "1", "model.onnx"), DateTime.UnixEpoch);

        Assert.True(Assert.Single(await ListAsync()).LastModified > DateTimeOffset.UtcNow.AddMinutes(-5));
    }

    [Theory]
    [InlineData("file:///models", true)]
    [InlineData("file:///models/", true)]
    [InlineData("s3://bucket/models", false)]
    [InlineData("models", false)]
    public void Open_AnyUri_TakesOnlyFiles(string uri, bool taken)
    {
        var harness = new StoreHarness();
        var provider = new FileObjectStoreProvider();
        var location = new Uri(uri, UriKind.RelativeOrAbsolute);

        if (taken)
        {
            Assert.Empty(provider.FindFaults(location, harness.Settings));
            Assert.Equal("file:///models", provider.Open(location, harness.Context).Location);
        }
        else
        {
            Assert.Contains("file:///path/to/models", Assert.Single(provider.FindFaults(location, harness.Settings)), StringComparison.Ordinal);
        }
    }

    protected override Task WriteAsync(string key, byte[] content)
    {
        string path = Path.Combine(_root, key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);

        // Two writes within one tick of the file system's clock (milliseconds) get the same time; publishers are never that fast.
        _lastWrite = _lastWrite.AddMilliseconds(100);
        File.SetLastWriteTimeUtc(path, _lastWrite);
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(string key)
    {
        File.Delete(Path.Combine(_root, key));
        return Task.CompletedTask;
    }

    /// <summary>Runs on a thread for which the kernel checks permissions as for nobody: root, as which CI runs, may read everything.</summary>
    private static async Task AsNobody(Func<Task> action)
    {
        const int Nobody = 65534;
        Task? running = null;
        var thread = new Thread(() =>
        {
            _ = SetFileSystemUser(Nobody);
            try
            {
                running = action();
            }
            catch (Exception exception)
            {
                running = Task.FromException(exception);
            }
        });
        thread.Start();
        thread.Join();
        await running!;
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileSystemUser(int user);
}
