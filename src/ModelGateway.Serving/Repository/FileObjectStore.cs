using System.Buffers;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Repository;

/// <summary>A folder as a store. Symbolic links are followed: mounted volumes are made of them.</summary>
/// <param name="root">The folder; it need not exist yet.</param>
/// <param name="traffic">Counts what is asked of the folder; null for nobody.</param>
public sealed class FileObjectStore(string root, StoreTraffic? traffic = null) : IObjectStore
{
    // <model>/<version>/<folder>/<file> and one more for models that keep their data deeper.
    private const int DeepestLevel = 5;
    private const int BufferSize = 1 << 17;

    // At the top of a mounted volume; it belongs to the file system, and none but root may read it.
    private const string LostAndFound = "lost+found";

    private readonly string _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));

    /// <inheritdoc/>
    public string Location => new Uri(_root).AbsoluteUri;

    /// <inheritdoc/>
    public bool SupportsRanges => true;

    /// <inheritdoc/>
    public Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken) =>
        Task.FromResult<ObjectListing?>(Counted("list", () => List(cancellationToken)));

    /// <inheritdoc/>
    public Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string path = PathOf(key);
        StoredObject? found = Counted("head", () => !key.Split('/').Any(part => part.StartsWith('.')) && Resolve(new FileInfo(path)) is { } file
            ? new StoredObject(key, file.Length, Tag(file), file.LastWriteTimeUtc)
            : (StoredObject?)null);
        return Task.FromResult(found);
    }

    private ObjectListing List(CancellationToken cancellationToken)
    {
        var root = new DirectoryInfo(_root);
        if (!root.Exists)
        {
            throw new DirectoryNotFoundException($"The model repository '{_root}' does not exist or is not a folder.");
        }

        var objects = new List<StoredObject>();
        List(root, "", 1, objects, cancellationToken);
        return new ObjectListing(objects, Marker: null);
    }

    /// <inheritdoc/>
    public Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        // Synchronous on purpose: who fetches may block, while asynchronous file I/O borrows threads of the pool, and so would what
        // the destination does with the bytes.
        Counted("get", () => Copy(source, offset, count, destination, cancellationToken));
        return Task.CompletedTask;
    }

    private T Counted<T>(string operation, Func<T> ask)
    {
        string outcome = "error";
        try
        {
            T answer = ask();
            outcome = "success";
            return answer;
        }
        finally
        {
            traffic?.Count(operation, outcome);
        }
    }

    private bool Copy(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        string path = PathOf(source.Key);
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0, FileOptions.SequentialScan);
            CheckUnchanged(source, path);
            file.Position = offset;
            Copy(file, count, destination, cancellationToken);
        }
        catch (EndOfStreamException)
        {
            throw new ObjectChangedException(source.Key);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ObjectChangedException(source.Key);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException(exception.Message, exception);
        }

        // Compared after the copy too: whoever wrote meanwhile changed the size or the time.
        CheckUnchanged(source, path);
        traffic?.AddBytes(count);
        return true;
    }

    private static void CheckUnchanged(StoredObject source, string path)
    {
        if (Resolve(new FileInfo(path)) is not { } now || (source.Tag.Length > 0 && Tag(now) != source.Tag))
        {
            throw new ObjectChangedException(source.Key);
        }
    }

    private static void Copy(FileStream file, long count, Stream destination, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (long left = count; left > 0;)
            {
                int read = file.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
                if (read == 0)
                {
                    throw new EndOfStreamException();
                }

                destination.Write(buffer.AsSpan(0, read));
                left -= read;
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private string PathOf(string key)
    {
        string path = Path.GetFullPath(Path.Combine(_root, key));
        string inside = Path.EndsInDirectorySeparator(_root) ? _root : _root + Path.DirectorySeparatorChar;
        return path.StartsWith(inside, StringComparison.Ordinal) ? path : throw new ArgumentException($"'{key}' leaves the repository.");
    }

    private static void List(DirectoryInfo folder, string prefix, int level, List<StoredObject> objects, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        DateTime folderTime = folder.LastWriteTimeUtc;
        foreach (FileSystemInfo entry in Entries(folder))
        {
            if (entry.Name.StartsWith('.') || (level == 1 && entry.Name == LostAndFound))
            {
                continue;
            }

            if (entry is DirectoryInfo child || Directory.Exists(entry.FullName))
            {
                if (level < DeepestLevel)
                {
                    List(entry as DirectoryInfo ?? new DirectoryInfo(entry.FullName), $"{prefix}{entry.Name}/", level + 1, objects, cancellationToken);
                }

                continue;
            }

            if (Resolve((FileInfo)entry) is { } file)
            {
                // The folder's own time counts too: copies that keep the files' old times still touch the folder.
                DateTime time = file.LastWriteTimeUtc > folderTime ? file.LastWriteTimeUtc : folderTime;
                objects.Add(new StoredObject(prefix + entry.Name, file.Length, Tag(file), time));
            }
        }
    }

    // A folder that vanishes between two steps is simply empty: the next scan tells the truth.
    private static FileSystemInfo[] Entries(DirectoryInfo folder)
    {
        try
        {
            return folder.GetFileSystemInfos();
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (UnauthorizedAccessException exception)
        {
            // To call it empty would unload what was in it.
            throw new IOException(exception.Message, exception);
        }
    }

    // A link that leads nowhere, or round in circles, is a file that does not exist.
    private static FileInfo? Resolve(FileInfo file)
    {
        try
        {
            FileInfo target = file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            return target.Exists ? target : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string Tag(FileInfo file) => $"{file.Length:x}-{file.LastWriteTimeUtc.Ticks:x}";
}
