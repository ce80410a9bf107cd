using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Brings files from the stores to the local disk and keeps them, by the SHA-256 of their content, for the next load and the next start. A
/// version is loaded from a folder of links to those files, so that nobody can change or remove one under a live session (ONNX
/// Runtime maps external data; a file cut short under it would end the process).
/// </summary>
/// <remarks>
/// <code>
/// root/blobs, root/refs          see BlobFolder
/// root/partial/                  downloads that are under way or broke off, see PartialFile
/// root/artifacts-(guid).lock     locked for as long as its process lives: who gets the lock knows that the process is gone
/// root/artifacts-(guid)/(guid)/  one loaded version's files
/// </code>
/// A process that is killed cleans up nothing, and one that is killed for its memory is killed again and again: without the locks
/// each start would leave one more folder of links, and with it files that nobody can remove. All methods are safe for any thread.
/// </remarks>
public sealed class ArtifactCache : IDisposable
{
    private const string LockSuffix = ".lock";
    private const int FilesPerConnection = 2;
    private readonly string _folder;
    private readonly string _partial;
    private readonly FileStream _lock;
    private readonly ArtifactCacheOptions _options;
    private readonly ServingMetrics? _metrics;
    private readonly TimeProvider _time;
    private readonly BlobFolder _blobs;
    private readonly KeyedLocks _underWay = new();

    // By location, what its last listing held: for a download that ends after the listing that no longer has its object.
    private readonly ConcurrentDictionary<string, IReadOnlyList<StoredObject>> _listed = new(StringComparer.Ordinal);

    // By location: a store that is slow holds up no other.
    private readonly ConcurrentDictionary<string, Turns> _turns = new(StringComparer.Ordinal);

    /// <summary>Makes a folder for this process below <paramref name="root"/> and removes what processes that are gone left behind.</summary>
    /// <param name="root">Made where it is not there. Other processes of the same user may share it.</param>
    /// <param name="options">Bounds; null for the default ones.</param>
    /// <param name="metrics">Null for none.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be made.</exception>
    public ArtifactCache(string root, ArtifactCacheOptions? options = null, ServingMetrics? metrics = null, TimeProvider? time = null)
    {
        _options = options ?? new ArtifactCacheOptions();
        _metrics = metrics;
        _time = time ?? TimeProvider.System;
        PrivateFolder.CreateRoot(root);
        foreach (string leftover in Directory.GetFiles(root, "artifacts-*" + LockSuffix))
        {
            RemoveIfAbandoned(leftover);
        }

        _folder = Path.Combine(root, $"artifacts-{Guid.NewGuid():n}");

        // Locked before it gets the name by which others look for it: they must never find it unlocked.
        _lock = new FileStream(_folder + ".new", FileMode.CreateNew, FileAccess.Write, FileShare.None);
        File.Move(_lock.Name, _folder + LockSuffix);
        PrivateFolder.Create(_folder);
        _partial = PrivateFolder.Create(Path.Combine(root, "partial"));
        PartialFile.RemoveAll(_partial, (_, changed) => _time.GetUtcNow() - changed < _options.PartialLifetime);
        _blobs = new BlobFolder(root, _options.MaxBytes, Count);
        _metrics?.ArtifactCacheBytes.Set(_blobs.Bytes);
    }

    /// <summary>Brings the files of a version here, unless they are here already, and checks each.</summary>
    /// <exception cref="ObjectChangedException">A file changed since the listing or during the copy.</exception>
    /// <exception cref="InvalidDataException">A file is not what the manifest says.</exception>
    /// <exception cref="IOException">The store cannot be read, or the disk is full.</exception>
    public async Task<ModelArtifact> FetchAsync(VersionListing version, CancellationToken cancellationToken)
    {
        long started = _time.GetTimestamp();
        var pins = new List<BlobPin>();
        var artifact = new ModelArtifact(Path.Combine(_folder, Guid.NewGuid().ToString("n")), "", 0, () => pins.ForEach(pin => pin.Dispose()));
        try
        {
            Directory.CreateDirectory(artifact.Directory);
            CheckNames(version);
            StoredObject[] files = [.. version.Files.OrderBy(file => file.Key, StringComparer.Ordinal)];
            string[] names = [.. files.Select(file => file.Key[version.Prefix.Length..])];
            string[] paths = [.. names.Select(name => LocalPath(artifact.Directory, name))];
            foreach (string path in paths)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            }

            pins.AddRange(await EnsureAllAsync(version, files, names, paths, cancellationToken));
            string digest = ArtifactDigest.Of(names.Zip(pins, static (name, pin) => (name, pin.Sha256)));
            _metrics?.FetchSeconds.Observe(_time.GetElapsedTime(started).TotalSeconds);
            return new ModelArtifact(artifact.Directory, digest, files.Sum(file => file.Size), () => pins.ForEach(pin => pin.Dispose()));
        }
        catch
        {
            artifact.Dispose();
            throw;
        }
    }

    /// <summary>
    /// SHA-256 of an object as it was listed, where it has been fetched before and is here still; null else. Lower-case hexadecimal.
    /// </summary>
    /// <param name="location">The store's location.</param>
    /// <param name="source">As listed.</param>
    public string? Recall(string location, in StoredObject source) => source.Tag.Length > 0 ? _blobs.Recall(BlobFolder.RefOf(location, source)) : null;

    /// <summary>
    /// Forgets downloads of one store that broke off and whose object is no longer there, or is another now. Those that are under way are
    /// forgotten when they break off.
    /// </summary>
    /// <param name="location">The store's location.</param>
    /// <param name="objects">All that it holds.</param>
    public void KeepPartials(string location, IReadOnlyList<StoredObject> objects)
    {
        // Before the files are looked at: what is under way then either is let go of before, and found, or looks here afterwards.
        _listed[location] = objects;
        string prefix = PartialPrefix(location);
        if (Directory.Exists(_partial) && Directory.EnumerateFiles(_partial, prefix + "*").Any())
        {
            Dictionary<string, StoredObject> listed = [];
            foreach (StoredObject source in objects)
            {
                listed[prefix + BlobFolder.RefOf(location, source)] = source;
            }

            // What has been fetched since needs no rest of an earlier try.
            PartialFile.RemoveAll(_partial, (id, _) => !id.StartsWith(prefix, StringComparison.Ordinal)
                || (listed.TryGetValue(id, out StoredObject source) && Recall(location, source) is null)
                || _underWay.IsHeld(id));
        }
    }

    /// <summary>Removes the process's folder; the files that were fetched stay for the next start.</summary>
    public void Dispose()
    {
        new ModelArtifact(_folder, "", 0).Dispose();
        if (!Directory.Exists(_folder))
        {
            File.Delete(_folder + LockSuffix);
        }

        _lock.Dispose();
        foreach (Turns turns in _turns.Values)
        {
            turns.Connections.Dispose();
            turns.Files.Dispose();
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

    // All pins or none.
    private async Task<BlobPin[]> EnsureAllAsync(VersionListing version, StoredObject[] files, string[] names, string[] paths, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        async Task<BlobPin> EnsureOneAsync(int i)
        {
            try
            {
                return await EnsureAsync(version.Store, files[i], version.Checksums?.GetValueOrDefault(names[i])?.ToLowerInvariant(), paths[i], stop.Token);
            }
            catch
            {
                await stop.CancelAsync();
                ForgetIfGone(version.Store.Location, files[i]);
                throw;
            }
        }

        Task<BlobPin>[] fetches = [.. Enumerable.Range(0, files.Length).Select(EnsureOneAsync)];
        try
        {
            return await Task.WhenAll(fetches);
        }
        catch
        {
            foreach (Task<BlobPin> fetch in fetches.Where(fetch => fetch.IsCompletedSuccessfully))
            {
                (await fetch).Dispose();
            }

            // What went wrong, rather than what was called off for it.
            await (fetches.FirstOrDefault(fetch => fetch.IsFaulted) ?? fetches.First(fetch => fetch.IsCanceled));
            throw;
        }
    }

    // For a download that has just broken off and is let go of. The listing that no longer has its object passed it over, because it was
    // under way, and the next one may be the same.
    private void ForgetIfGone(string location, StoredObject source)
    {
        string id = PartialPrefix(location) + BlobFolder.RefOf(location, source);
        try
        {
            if (_listed.TryGetValue(location, out IReadOnlyList<StoredObject>? objects)
                && Directory.Exists(_partial) && Directory.EnumerateFiles(_partial, id + "*").Any()
                && !objects.Any(item => item.Key == source.Key && item.Tag == source.Tag && item.Size == source.Size))
            {
                PartialFile.RemoveAll(_partial, (other, _) => other != id || _underWay.IsHeld(id));
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What ended the download is what is to be told; the file goes with the next listing.
        }
    }

    /// <param name="store">Where the object lies.</param>
    /// <param name="source">As listed.</param>
    /// <param name="sha256">What the manifest says it is, or null.</param>
    /// <param name="link">Where it is to be in the version's folder.</param>
    /// <param name="cancellationToken">Ends the fetch.</param>
    private async Task<BlobPin> EnsureAsync(IObjectStore store, StoredObject source, string? sha256, string link, CancellationToken cancellationToken)
    {
        string reference = BlobFolder.RefOf(store.Location, source);
        string id = PartialPrefix(store.Location) + reference;
        using IDisposable turn = await _underWay.EnterAsync(id, cancellationToken);
        SemaphoreSlim files = TurnsOf(store).Files;
        await files.WaitAsync(cancellationToken);
        try
        {
            return await EnsureAsync(store, source, sha256, reference, id, link, cancellationToken);
        }
        finally
        {
            files.Release();
        }
    }

    private async Task<BlobPin> EnsureAsync(IObjectStore store, StoredObject source, string? sha256, string reference, string id, string link, CancellationToken cancellationToken)
    {
        string? claimed = sha256 ?? (source.Checksum is { Algorithm: ChecksumAlgorithm.Sha256 } checksum ? checksum.Hex : null);

        // A claim alone opens nothing that this very store has not delivered before: else whoever knows the hash of another repository's
        // file could have it served as his own.
        string? known = claimed is null ? (source.Tag.Length > 0 ? _blobs.Recall(reference) : null) : _blobs.HasDelivered(store.Location, claimed) ? claimed : null;
        if (known is not null && _blobs.TryPin(known, source.Size, link, cancellationToken) is { } pin)
        {
            Count("hit");
            return pin;
        }

        Count("miss");
        _blobs.EnsureFolders();
        PrivateFolder.Create(_partial);
        pin = await DownloadAsync(store, source, id, sha256, link, cancellationToken);
        _metrics?.ArtifactCacheBytes.Set(_blobs.Bytes);
        _blobs.RememberDelivered(store.Location, pin.Sha256);
        if (source.Tag.Length > 0)
        {
            _blobs.Remember(reference, pin.Sha256);
        }

        return pin;
    }

    /// <summary>
    /// Downloads until the content is what it should be. Damage on the way differs from time to time: what comes twice the same, and with the
    /// store's own checksum where it has one, is what lies in the store.
    /// </summary>
    private async Task<BlobPin> DownloadAsync(IObjectStore store, StoredObject source, string id, string? sha256, string link, CancellationToken cancellationToken)
    {
        ObjectChecksum? expected = source.Checksum ?? await FindChecksumAsync(store, source, cancellationToken);
        string? before = null;
        for (int attempt = 1; ; attempt++)
        {
            bool ranges = store.SupportsRanges;
            PartialFile partial = PartialFile.Open(
                _partial, id, source.Size, ranges ? _options.PieceBytes : Math.Max(source.Size, 1), _blobs.MakeRoom);
            string found;
            try
            {
                var download = new ObjectDownload(store, source, partial, TurnsOf(store).Connections, _options, _time);
                (found, ObjectChecksum? checksum) = await download.RunAsync(expected?.Algorithm, cancellationToken);
                bool isWhatTheStoreHas = expected is null || checksum == expected;
                if (isWhatTheStoreHas && (sha256 is null || found == sha256))
                {
                    return _blobs.Add(partial.Finish(), found, link);
                }

                partial.Discard();
                if (isWhatTheStoreHas && (expected is not null || found == before))
                {
                    throw new InvalidDataException($"'{NameOf(source)}' does not have the SHA-256 that {VersionManifest.FileName} says.");
                }

                if (found == before)
                {
                    // Damage on the way is never twice the same: the object was replaced and its listing was not.
                    throw new ObjectChangedException(source.Key, "does not have the checksum that it was listed with");
                }
            }
            catch (IOException) when (ranges && !store.SupportsRanges)
            {
                // It has just turned out that this store sends whole objects only.
                partial.Discard();
                continue;
            }
            catch (Exception exception) when (exception is ObjectChangedException or InvalidDataException)
            {
                partial.Discard();
                throw;
            }
            finally
            {
                partial.Dispose();
            }

            Count("damaged");
            if (attempt >= _options.Attempts)
            {
                throw new IOException($"'{source.Key}' arrived damaged {attempt} times: its checksum is not the one that {(expected is null ? VersionManifest.FileName : "the store")} says.");
            }

            before = found;
            await Task.Delay(_options.RetryPause, _time, cancellationToken);
        }
    }

    // Listings leave checksums out; one small request an object that is about to be downloaded gets them.
    private async Task<ObjectChecksum?> FindChecksumAsync(IObjectStore store, StoredObject source, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await store.FindAsync(source.Key, cancellationToken) is not { } found || (source.Tag.Length > 0 && found.Tag != source.Tag)
                    ? throw new ObjectChangedException(source.Key)
                    : found.Checksum;
            }
            catch (IOException exception) when (exception is not ObjectChangedException && attempt < _options.Attempts)
            {
                await Task.Delay(_options.RetryPause * Math.Pow(2, attempt - 1), _time, cancellationToken);
            }
        }
    }

    // A bucket can hold both; a folder cannot, however often it is tried.
    private static void CheckNames(VersionListing version)
    {
        HashSet<string> keys = [.. version.Files.Select(file => file.Key)];
        if (version.Files.FirstOrDefault(file => Parents(file.Key).Any(keys.Contains)).Key is { } inside)
        {
            throw new InvalidDataException($"'{inside[version.Prefix.Length..]}' lies in a folder that is a file too.");
        }
    }

    private static IEnumerable<string> Parents(string key)
    {
        for (int slash = key.LastIndexOf('/'); slash > 0; slash = key.LastIndexOf('/', slash - 1))
        {
            yield return key[..slash];
        }
    }

    private Turns TurnsOf(IObjectStore store) => _turns.GetOrAdd(
        store.Location, static (_, parallelism) => new Turns(new SemaphoreSlim(parallelism), new SemaphoreSlim(parallelism * FilesPerConnection)), _options.Parallelism);

    private static string NameOf(in StoredObject source) => source.Key[(source.Key.LastIndexOf('/') + 1)..];

    private static string PartialPrefix(string location) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(location)))[..16] + "-";

    private void Count(string outcome) => _metrics?.ArtifactCacheFiles.WithLabels(outcome).Inc();

    private static string LocalPath(string directory, string name)
    {
        string path = Path.GetFullPath(Path.Combine(directory, name));
        return path.StartsWith(directory + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? path
            : throw new InvalidDataException($"'{name}' leaves the version's folder.");
    }

    /// <param name="Connections">One for each range under way.</param>
    /// <param name="Files">One for each file under way, which holds open files of its own: a version may have thousands.</param>
    private sealed record Turns(SemaphoreSlim Connections, SemaphoreSlim Files);
}
