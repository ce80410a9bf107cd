using System.Security.Cryptography;
using ModelGateway.Serving.Repository;

namespace ModelGateway.TestKit.Repository;

/// <summary>
/// A folder of objects whose <see cref="RepositoryIndex"/> is written anew after each change, as a careful publisher does: every file appears
/// whole, the index last. Gone when disposed.
/// </summary>
public sealed class IndexedFolder : IDisposable
{
    // Staging lies beside the folder: on the same disk, so that a rename is atomic, but out of sight.
    private readonly string _base;
    private readonly string _staging;
    private DateTime _lastWrite;

    /// <param name="parent">The folder below which it lies, for example that of a web server; null for the one for temporary files.</param>
    public IndexedFolder(string? parent = null)
    {
        _base = Directory.CreateDirectory(Path.Combine(parent ?? Path.GetTempPath(), $"indexed-{Guid.NewGuid():n}")).FullName;
        Root = Directory.CreateDirectory(Path.Combine(_base, "root")).FullName;
        _staging = Path.Combine(_base, "staging");
    }

    /// <summary>The repository's root.</summary>
    public string Root { get; }

    public string IndexFile => PathOf(RepositoryIndex.FileName);

    public string PathOf(string key) => Path.Combine(Root, key);

    /// <summary>Adds or replaces an object, and the index.</summary>
    public void Write(string key, byte[] content)
    {
        WriteWithoutIndex(key, content);
        WriteIndex();
    }

    /// <summary>Removes an object, and its entry.</summary>
    public void Delete(string key)
    {
        File.Delete(PathOf(key));
        WriteIndex();
    }

    /// <summary>Adds or replaces a file, the index itself perhaps, and leaves the index as it is.</summary>
    public void WriteWithoutIndex(string key, byte[] content)
    {
        File.WriteAllBytes(_staging, content);

        // Two writes within one tick of the file system's clock (milliseconds) would get the same time.
        DateTime earliest = _lastWrite.AddMilliseconds(100);
        _lastWrite = DateTime.UtcNow > earliest ? DateTime.UtcNow : earliest;
        File.SetLastWriteTimeUtc(_staging, _lastWrite);
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(key))!);
        File.Move(_staging, PathOf(key), overwrite: true);
    }

    /// <summary>Writes the index of what is there.</summary>
    public void WriteIndex()
    {
        using var index = new MemoryStream();
        RepositoryIndex.Write(index, Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).Select(Describe).Where(item => ObjectKey.IsListed(item.Key)));
        WriteWithoutIndex(RepositoryIndex.FileName, index.ToArray());
    }

    /// <summary>Lets the index have been written that long ago, or in times to come.</summary>
    public void SetIndexAge(TimeSpan age) => File.SetLastWriteTimeUtc(IndexFile, DateTime.UtcNow - age);

    public void Dispose() => Directory.Delete(_base, recursive: true);

    private StoredObject Describe(string file)
    {
        byte[] content = File.ReadAllBytes(file);
        string hash = Convert.ToHexStringLower(SHA256.HashData(content));
        return new StoredObject(Path.GetRelativePath(Root, file).Replace(Path.DirectorySeparatorChar, '/'), content.Length, hash, File.GetLastWriteTimeUtc(file))
        {
            Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, hash),
        };
    }
}
