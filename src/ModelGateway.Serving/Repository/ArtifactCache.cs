using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Copies versions out of the repository before they are loaded, so that nobody can change a file under a live session
/// (ONNX Runtime maps external data; a file cut short under it would end the process). Each process has a folder of its own.
/// </summary>
/// <remarks>
/// <code>
/// root/artifacts-(guid).lock     locked for as long as its process lives: who gets the lock knows that the process is gone
/// root/artifacts-(guid)/(guid)/  one version's files
/// </code>
/// A process that is killed cleans up nothing, and one that is killed for its memory is killed again and again: without the locks
/// each start would leave one more copy of every model on the disk.
/// </remarks>
public sealed class ArtifactCache : IDisposable
{
    private const string LockSuffix = ".lock";
    private readonly string _folder;
    private readonly FileStream _lock;

    /// <summary>Makes a folder for this process below <paramref name="root"/> and removes those of processes that are gone.</summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be made.</exception>
    public ArtifactCache(string root)
    {
        CreatePrivate(root);
        foreach (string leftover in Directory.GetFiles(root, "artifacts-*" + LockSuffix))
        {
            RemoveIfAbandoned(leftover);
        }

        _folder = Path.Combine(root, $"artifacts-{Guid.NewGuid():n}");

        // Locked before it gets the name by which others look for it: they must never find it unlocked.
        _lock = new FileStream(_folder + ".new", FileMode.CreateNew, FileAccess.Write, FileShare.None);
        File.Move(_lock.Name, _folder + LockSuffix);
        CreatePrivate(_folder);
    }

    /// <summary>Copies the files of a version, hashing them on the way.</summary>
    /// <exception cref="ObjectChangedException">A file changed during the copy.</exception>
    /// <exception cref="InvalidDataException">A file is not what the manifest says.</exception>
    /// <exception cref="IOException">The store cannot be read, or the disk is full.</exception>
    public async Task<ModelArtifact> FetchAsync(VersionListing version, CancellationToken cancellationToken)
    {
        string directory = Path.Combine(_folder, Guid.NewGuid().ToString("n"));
        using IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long size = 0;
        try
        {
            Directory.CreateDirectory(directory);
            foreach (StoredObject file in version.Files.OrderBy(file => file.Key, StringComparer.Ordinal))
            {
                string name = file.Key[version.Prefix.Length..];
                byte[] hash = await CopyAsync(version.Store, file, LocalPath(directory, name), cancellationToken);
                if (version.Checksums?.GetValueOrDefault(name) is { } expected && !expected.Equals(Convert.ToHexString(hash), StringComparison.OrdinalIgnoreCase))
                {
                    throw new InvalidDataException($"'{name}' does not have the SHA-256 that {VersionManifest.FileName} says.");
                }

                AppendTo(digest, name, hash);
                size += file.Size;
            }

            return new ModelArtifact(directory, Convert.ToHexStringLower(digest.GetHashAndReset()), size);
        }
        catch
        {
            new ModelArtifact(directory, "", 0).Dispose();
            throw;
        }
    }

    /// <summary>Removes the process's folder.</summary>
    public void Dispose()
    {
        new ModelArtifact(_folder, "", 0).Dispose();
        if (!Directory.Exists(_folder))
        {
            File.Delete(_folder + LockSuffix);
        }

        _lock.Dispose();
    }

    // Models may be secret: on a shared machine nobody else reads them here, nor puts others in their place. An existing folder keeps its mode.
    private static void CreatePrivate(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static void RemoveIfAbandoned(string lockFile)
    {
        try
        {
            using FileStream held = new(lockFile, FileMode.Open, FileAccess.Write, FileShare.None);
            Directory.Delete(lockFile[..^LockSuffix.Length], recursive: true);
            File.Delete(lockFile);
        }
        catch (DirectoryNotFoundException)
        {
            // Killed before the folder was made, or between the two deletions.
            File.Delete(lockFile);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Its process lives, or it belongs to another user.
        }
    }

    private static async Task<byte[]> CopyAsync(IObjectStore store, StoredObject file, string path, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using SHA256 sha = SHA256.Create();
        await using (FileStream target = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
        await using (var hashing = new CryptoStream(target, sha, CryptoStreamMode.Write))
        {
            await store.CopyToAsync(file, hashing, cancellationToken);
        }

        return sha.Hash!;
    }

    private static string LocalPath(string directory, string name)
    {
        string path = Path.GetFullPath(Path.Combine(directory, name));
        return path.StartsWith(directory + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? path
            : throw new InvalidDataException($"'{name}' leaves the version's folder.");
    }

    // name length (4 bytes) | name | SHA-256 of the content: no two sets of files spell the same bytes.
    private static void AppendTo(IncrementalHash digest, string name, byte[] hash)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        byte[] length = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        digest.AppendData(length);
        digest.AppendData(bytes);
        digest.AppendData(hash);
    }
}
