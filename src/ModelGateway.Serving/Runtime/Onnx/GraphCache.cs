using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Keeps graphs as ONNX Runtime optimized them, so that the next load of the same model need not optimize again and maps the weights
/// from disk in place of copying them.
/// </summary>
/// <remarks>
/// <code>
/// folder/(key)/    one graph, see KeptGraph; the key says what it was made from, see GraphKey
/// </code>
/// A graph appears under its name whole or not at all, by renaming its folder, and goes in the same way; its files are never written to.
/// Several processes may share the folder: one that is removed before its session is made is a miss, one that is removed afterwards stays
/// mapped (a further session is not made then), and one that is replaced by its like has the same key, so that either will do. (No links of the files, as the artifact cache makes
/// them: ONNX Runtime takes weights with a second name for an attack.) <c>_bytes</c> (Interlocked) is what the folder held when it was last counted, which is done whenever a graph is added.
/// All methods are safe for any thread.
/// </remarks>
internal sealed partial class GraphCache
{
    private const long LeftForOthers = 1L << 30;
    private readonly GraphCacheOptions _options;
    private readonly ServingMetrics? _metrics;
    private readonly ILogger _logger;

    // Graphs that ONNX Runtime cannot load again, which is a matter of the model: as many as there are such models.
    private readonly ConcurrentDictionary<string, byte> _useless = new(StringComparer.Ordinal);
    private long _bytes;

    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be made.</exception>
    public GraphCache(GraphCacheOptions options, ServingMetrics? metrics, ILogger logger)
    {
        _options = options;
        _metrics = metrics;
        _logger = logger;
        PrivateFolder.Create(options.Folder);
        Trim();
    }

    /// <summary>Whether a model of this size is worth keeping; bytes of its files.</summary>
    public bool IsWorthwhile(long modelBytes) => modelBytes >= _options.MinModelBytes && modelBytes <= _options.MaxBytes;

    /// <summary>Finds a graph and checks its files; what is damaged is removed.</summary>
    /// <param name="key">Its name.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <returns>The fingerprint of the session that it was saved from; null where there is no such graph, or none that is whole.</returns>
    public string? TryFind(string key, CancellationToken cancellationToken)
    {
        if (KeptGraph.Check(PathOf(key), key, cancellationToken) is { } fingerprint)
        {
            Touch(PathOf(key));
            return fingerprint;
        }

        if (Directory.Exists(PathOf(key)))
        {
            Reject(key);
        }
        else
        {
            Count("miss");
        }

        return null;
    }

    /// <summary>The folder in which a graph is kept. Another process may remove it at any moment; what is open or mapped by then stays whole.</summary>
    public string PathOf(string key) => Path.Combine(_options.Folder, key);

    /// <summary>Counts a graph that was found whole and made a session.</summary>
    public void Accept() => Count("hit");

    /// <summary>Gives up a graph that is whole and yet of no use: no session can be made from it, or not the right one. It is not tried again.</summary>
    public void GiveUp(string key)
    {
        if (Directory.Exists(PathOf(key)))
        {
            _useless.TryAdd(key, 0);
            Reject(key);
        }
    }

    /// <summary>Whether it makes sense to save this graph.</summary>
    public bool IsUseful(string key) => !_useless.ContainsKey(key);

    /// <summary>Whether the disk has room for a graph of a model of this size beside all that it holds; bytes.</summary>
    public bool HasRoom(long modelBytes)
    {
        try
        {
            // A graph may be a little larger than its model; the rest is for downloads, which must not fail for what is only faster.
            return new DriveInfo(_options.Folder).AvailableFreeSpace > (2 * modelBytes) + LeftForOthers;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Seals a graph that ONNX Runtime saved and takes it in. Where that fails the model is loaded all the same, only not faster the next time.</summary>
    /// <param name="key">Its name.</param>
    /// <param name="folder">The files, in the same file system; it is gone afterwards.</param>
    /// <param name="fingerprint">Of the session that was made with it.</param>
    /// <param name="cancellationToken">Calls it off.</param>
    /// <returns>Whether it is kept now.</returns>
    public bool TryAdd(string key, string folder, string fingerprint, CancellationToken cancellationToken)
    {
        try
        {
            KeptGraph.Seal(folder, key, fingerprint, cancellationToken);
            if (!OperatingSystem.IsWindows())
            {
                foreach (string file in Directory.EnumerateFiles(folder))
                {
                    File.SetUnixFileMode(file, UnixFileMode.UserRead);
                }
            }

            PrivateFolder.Create(_options.Folder);
            Directory.Move(folder, PathOf(key));
            Count("saved");
            Touch(PathOf(key));
            Trim();
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another load of the same model was first, here or in another process, and its graph is as good. Or the disk is full.
            if (KeptGraph.Check(PathOf(key), key, cancellationToken) == fingerprint)
            {
                return true;
            }

            NoteNotSaved(exception.Message);
            return false;
        }
        finally
        {
            TryRemove(folder);
        }
    }

    /// <summary>Counts a graph that could not be saved.</summary>
    public void NoteNotSaved(string reason)
    {
        Count("unsaved");
        Log.GraphNotSaved(_logger, reason);
    }

    /// <summary>Removes a folder whole; one that is not there is no error.</summary>
    public static bool TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Gone already, or it goes with the folder that it lies in.
            return false;
        }
    }

    private void Reject(string key)
    {
        Count("damaged");
        Log.GraphRejected(_logger, key);
        Remove(key);
    }

    private void Trim()
    {
        // Counted anew each time: what each of several processes knows of may fit, and all of it may not.
        foreach (DirectoryInfo graph in Recount().OrderBy(graph => graph.LastWriteTimeUtc))
        {
            if (Interlocked.Read(ref _bytes) <= _options.MaxBytes)
            {
                break;
            }

            if (Remove(graph.Name))
            {
                Count("evicted");
            }
        }

        _metrics?.GraphCacheBytes.Set(Interlocked.Read(ref _bytes));
    }

    // Out of sight first: nobody must find half of it.
    private bool Remove(string key)
    {
        string going = PathOf($".{key}-{Guid.NewGuid():n}");
        long size = KeptGraph.SizeOf(PathOf(key));
        try
        {
            Directory.Move(PathOf(key), going);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        TryRemove(going);
        Interlocked.Add(ref _bytes, -size);
        return true;
    }

    private List<DirectoryInfo> Recount()
    {
        List<DirectoryInfo> graphs = [];
        foreach (DirectoryInfo folder in new DirectoryInfo(_options.Folder).EnumerateDirectories())
        {
            if (folder.Name.StartsWith('.'))
            {
                // Whoever removed it did not come to the end.
                TryRemove(folder.FullName);
            }
            else
            {
                graphs.Add(folder);
            }
        }

        Interlocked.Exchange(ref _bytes, graphs.Sum(graph => KeptGraph.SizeOf(graph.FullName)));
        return graphs;
    }

    // By the time of its last change, which reading it leaves alone: file systems are often mounted without times of access.
    private static void Touch(string folder)
    {
        try
        {
            Directory.SetLastWriteTimeUtc(folder, DateTime.UtcNow);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Only the order of eviction suffers.
        }
    }

    private void Count(string outcome) => _metrics?.GraphCacheGraphs.WithLabels(outcome).Inc();

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.GraphRejected, Level = LogLevel.Warning, Message = "The kept graph {Key} is damaged or does not make the session that it was saved from; it is made anew")]
        public static partial void GraphRejected(ILogger logger, string key);

        [LoggerMessage(EventId = EventIds.GraphNotSaved, Level = LogLevel.Information, Message = "An optimized graph was not kept: {Reason}")]
        public static partial void GraphNotSaved(ILogger logger, string reason);
    }
}
