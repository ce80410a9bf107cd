using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Files by the SHA-256 of their content, each once, whatever versions and models they belong to. Several processes may share the
/// folder: a file appears under its name whole or not at all.
/// </summary>
/// <remarks>
/// <code>
/// blobs/(sha256)   the content; read-only; its time of access says when it was last used
/// refs/(id)        the SHA-256 that an object of a store was found to have; the id is over location, key, tag and size, or over
///                  location and SHA-256: that store has delivered this content
/// </code>
/// <c>_pins</c> counts what this process uses and guards itself and <c>_bytes</c>. Other processes know nothing of it and may remove a file at
/// any moment, so whoever is given one is given a link of its own first, and all that is done with the content is done to that: then a
/// removal is no loss, and the next use fetches the file anew.
/// </remarks>
internal sealed class BlobFolder
{
    private const int BufferSize = 1 << 18;
    private readonly string _blobs;
    private readonly string _refs;
    private readonly long _maxBytes;
    private readonly Action<string> _count;
    private readonly Dictionary<string, int> _pins = new(StringComparer.Ordinal);
    private long _bytes;

    /// <param name="root">The cache's folder.</param>
    /// <param name="maxBytes">What the files may add up to.</param>
    /// <param name="count">Told of <c>damaged</c> and <c>evicted</c> files.</param>
    public BlobFolder(string root, long maxBytes, Action<string> count)
    {
        _blobs = Path.Combine(root, "blobs");
        _refs = Path.Combine(root, "refs");
        EnsureFolders();
        _maxBytes = maxBytes;
        _count = count;
        _bytes = Files().Sum(SizeOf);
        RemoveDanglingRefs();
        Trim(_maxBytes);
    }

    /// <summary>What the files add up to, as far as this process knows.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Makes its folders where they are not there: folders for temporary files are swept now and then.</summary>
    public void EnsureFolders()
    {
        PrivateFolder.Create(_blobs);
        PrivateFolder.Create(_refs);
    }

    /// <summary>The name under which an object's content is remembered.</summary>
    public static string RefOf(string location, in StoredObject source) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{location}\n{source.Key}\n{source.Tag}\n{source.Size}")));

    /// <summary>What the object was found to be when it was last fetched, or null.</summary>
    public string? Recall(string reference)
    {
        try
        {
            string sha256 = File.ReadAllText(Path.Combine(_refs, reference));
            return IsDigest(sha256) ? sha256 : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether this content has come from the store at a location before.</summary>
    public bool HasDelivered(string location, string sha256) => Recall(DeliveryOf(location, sha256)) == sha256;

    /// <summary>Notes that the store at a location has this content.</summary>
    public void RememberDelivered(string location, string sha256)
    {
        if (!HasDelivered(location, sha256))
        {
            Remember(DeliveryOf(location, sha256), sha256);
        }
    }

    /// <summary>Remembers what an object was found to be. Where the disk refuses, it is forgotten: the object is fetched once more then.</summary>
    public void Remember(string reference, string sha256)
    {
        var temporary = new FileInfo(Path.Combine(_refs, $"{reference}.{Guid.NewGuid():n}"));
        try
        {
            File.WriteAllText(temporary.FullName, sha256);
            File.Move(temporary.FullName, Path.Combine(_refs, reference), overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
        }
    }

    /// <summary>
    /// Pins a file and links it, if it is there and its content is what its name says; a damaged one is removed. The pin is taken first, so that
    /// this process does not remove the file in between.
    /// </summary>
    /// <param name="sha256">Its name.</param>
    /// <param name="size">Its length, as whoever asks for it was told; bytes.</param>
    /// <param name="link">Where it is linked to; a name that is free, and that stays free where the answer is null.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    public BlobPin? TryPin(string sha256, long size, string link, CancellationToken cancellationToken)
    {
        BlobPin pin = Pin(sha256);
        bool kept = false;
        try
        {
            kept = TryLink(PathOf(sha256), link) && new FileInfo(link).Length == size && IsWhole(sha256, link, cancellationToken);
            return kept ? pin : null;
        }
        finally
        {
            if (!kept)
            {
                TryDelete(new FileInfo(link));
                pin.Dispose();
            }
        }
    }

    /// <summary>Takes a finished file in under the SHA-256 of its content, pins it and links it.</summary>
    /// <param name="file">A file in the same file system; it is gone afterwards.</param>
    /// <param name="sha256">Of its content.</param>
    /// <param name="link">Where it is linked to; a name that is free.</param>
    public BlobPin Add(string file, string sha256, string link)
    {
        long size = new FileInfo(file).Length;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead);
        }

        BlobPin pin = Pin(sha256);
        try
        {
            // Before the others can see it, and find that there is no room for it.
            HardLink.CreateOrCopy(file, link);
            string path = PathOf(sha256);
            bool isNew = !File.Exists(path);
            File.Move(file, path, overwrite: true);
            if (isNew)
            {
                Interlocked.Add(ref _bytes, size);
            }

            Touch(path);
            Trim(_maxBytes);
            return pin;
        }
        catch
        {
            TryDelete(new FileInfo(file));
            pin.Dispose();
            throw;
        }
    }

    /// <summary>Removes files that nobody uses, those used longest ago first, until <paramref name="bytes"/> more fit on the disk or none is left.</summary>
    /// <returns>Whether anything was removed.</returns>
    public bool MakeRoom(long bytes)
    {
        long before = Bytes;
        if (new DriveInfo(_blobs).AvailableFreeSpace + IdleBytes() < bytes)
        {
            // Not even all of them would do: what cannot have its room takes nothing from the others, however often it is tried.
            return false;
        }

        Trim(Math.Max(0, before - bytes));
        return Bytes < before;
    }

    private static string DeliveryOf(string location, string sha256) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{location}\n{sha256}")));

    private string PathOf(string sha256) => Path.Combine(_blobs, sha256);

    private static bool TryLink(string path, string link)
    {
        try
        {
            HardLink.CreateOrCopy(path, link);
            return true;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            // Not there, or not to be read: to be fetched.
            return false;
        }
    }

    private bool IsWhole(string sha256, string path, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0, FileOptions.SequentialScan))
            {
                while (file.Read(buffer) is > 0 and int read)
                {
                    hash.AppendData(buffer, 0, read);
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }

            if (Convert.ToHexStringLower(hash.GetHashAndReset()) == sha256)
            {
                Touch(PathOf(sha256));
                return true;
            }

            _count("damaged");
            Remove(new FileInfo(PathOf(sha256)));
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not to be read: to be fetched.
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Another process may have removed it since it was listed.
    private static long SizeOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }

    // What nobody uses in this process. What others use is not known here, and counted.
    private long IdleBytes()
    {
        lock (_pins)
        {
            return Files().Where(file => !_pins.ContainsKey(file.Name)).Sum(SizeOf);
        }
    }

    private void Trim(long target)
    {
        if (Bytes <= target)
        {
            return;
        }

        // Counted anew: other processes add and remove too.
        List<FileInfo> files = Files();
        Interlocked.Exchange(ref _bytes, files.Sum(SizeOf));
        foreach (FileInfo file in files.OrderBy(file => file.LastAccessTimeUtc))
        {
            if (Bytes <= target)
            {
                return;
            }

            lock (_pins)
            {
                if (!_pins.ContainsKey(file.Name) && Remove(file))
                {
                    _count("evicted");
                }
            }
        }
    }

    private bool Remove(FileInfo file)
    {
        long size = SizeOf(file);
        if (!TryDelete(file))
        {
            return false;
        }

        Interlocked.Add(ref _bytes, -size);
        return true;
    }

    private static bool TryDelete(FileInfo file)
    {
        try
        {
            file.Delete();
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Gone already, or held by someone on a system that does not let go of open files.
            return false;
        }
    }

    private BlobPin Pin(string sha256)
    {
        lock (_pins)
        {
            _pins[sha256] = _pins.GetValueOrDefault(sha256) + 1;
        }

        return new BlobPin(sha256, Unpin);
    }

    private void Unpin(string sha256)
    {
        lock (_pins)
        {
            if (--_pins[sha256] == 0)
            {
                _pins.Remove(sha256);
            }
        }

        Trim(_maxBytes);
    }

    // Set by hand: file systems are often mounted without times of access.
    private static void Touch(string path)
    {
        try
        {
            File.SetLastAccessTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Only the order of eviction suffers.
        }
    }

    private List<FileInfo> Files() =>
        Directory.Exists(_blobs) ? [.. new DirectoryInfo(_blobs).EnumerateFiles().Where(file => IsDigest(file.Name))] : [];

    private void RemoveDanglingRefs()
    {
        foreach (FileInfo reference in new DirectoryInfo(_refs).EnumerateFiles())
        {
            // One with a dot is half-written, by a process that is gone or has not come to its end; then it is only not remembered.
            if (reference.Name.Contains('.', StringComparison.Ordinal) || Recall(reference.Name) is not { } sha256 || !File.Exists(Path.Combine(_blobs, sha256)))
            {
                TryDelete(reference);
            }
        }
    }

    private static bool IsDigest(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);
}
