using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Keeps the last good listing of each repository on disk. What is damaged, or of another format, is as if it were not there: the journal
/// is a convenience, and the store has the truth.
/// </summary>
/// <remarks>
/// <code>
/// folder/(SHA-256 of the location).json          {"format":1,"location":…,"objects":[…],"texts":[…],"settled":{…}}, in the order of the keys
/// folder/(SHA-256 of the location).json.(guid)   being written; gets the name above when it is whole
/// </code>
/// Safe for any thread: a file is replaced as a whole. Two processes that share the folder write the same of the same repository.
/// </remarks>
public sealed partial class ListingJournal
{
    private const string Suffix = ".json";
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromHours(1);
    private readonly string _folder;
    private readonly ILogger<ListingJournal> _logger;
    private static readonly TimeSpan RetryPause = TimeSpan.FromMinutes(1);
    private readonly Dictionary<string, string> _written = new(StringComparer.Ordinal);
    private long _notBefore;

    /// <summary>Makes the folder, readable by this user alone, and removes what killed processes left half-written there.</summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be made.</exception>
    public ListingJournal(string folder, ILogger<ListingJournal> logger)
    {
        _folder = folder;
        _logger = logger;

        // The folder above it first: one that is made on the way gets the usual mode.
        PrivateFolder.CreateRoot(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        PrivateFolder.Create(folder);

        // Not by a pattern: "*.json.*" matches "x.json" too.
        foreach (string leftover in Directory.GetFiles(folder).Where(file =>
            file.Contains(Suffix + ".", StringComparison.Ordinal) && DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > LeftoverAge))
        {
            TryDelete(leftover);
        }
    }

    /// <summary>What was kept of the repository at a location, or null.</summary>
    public JournaledListing? Load(string location)
    {
        string path = PathOf(location);
        try
        {
            JournalDocument? document = JsonSerializer.Deserialize(File.ReadAllBytes(path), JournalJson.Default.JournalDocument);
            return document is not null && document.Format == JournalDocument.CurrentFormat && document.Location == location
                ? document.ToListing()
                : throw new FormatException("it is of another format or repository.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is JsonException or FormatException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            Log.Unusable(_logger, path, location, exception.Message);
            return null;
        }
    }

    /// <summary>Keeps a listing in place of the one before. Writes only what is new; what cannot be written is logged.</summary>
    public void Save(string location, JournaledListing listing)
    {
        string digest = DigestOf(listing);
        lock (_written)
        {
            if (_written.GetValueOrDefault(location) == digest)
            {
                return;
            }

            // Where the disk refuses, it is tried again, but not at every look.
            if (Environment.TickCount64 < _notBefore)
            {
                return;
            }

            if (TryWrite(location, JsonSerializer.SerializeToUtf8Bytes(JournalDocument.Of(location, listing), JournalJson.Default.JournalDocument)))
            {
                _written[location] = digest;
            }
            else
            {
                _notBefore = Environment.TickCount64 + (long)RetryPause.TotalMilliseconds;
            }
        }
    }

    private bool TryWrite(string location, byte[] content)
    {
        string path = PathOf(location);
        string half = $"{path}.{Guid.NewGuid():n}";
        try
        {
            if (File.Exists(path) && new FileInfo(path).Length == content.Length && File.ReadAllBytes(path).AsSpan().SequenceEqual(content))
            {
                return true;
            }

            using (FileStream file = new(half, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(half, path, overwrite: true);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Log.NotWritten(_logger, path, location, exception.Message);
            TryDelete(half);
            return false;
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It is removed at a later start.
        }
    }

    private string PathOf(string location) => Path.Combine(_folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(location))) + Suffix);

    // Cheaper than the document, because it is made at every scan: what the keys and tags say is enough to notice a change.
    private static string DigestOf(JournaledListing listing)
    {
        using IncrementalHash digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append(string key, string tag) => digest.AppendData(Encoding.UTF8.GetBytes($"{key}\n{tag}\n"));
        foreach (StoredObject item in listing.Objects.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            Append(item.Key, item.Tag);
        }

        Append("texts", "");
        foreach ((string key, JournaledText text) in listing.Texts.OrderBy(text => text.Key, StringComparer.Ordinal))
        {
            // A text that was damaged on the way and was read again has the same tag.
            var checksum = new PieceChecksum();
            checksum.Append(text.Content);
            Append(key, string.Create(CultureInfo.InvariantCulture, $"{text.Tag}\n{checksum.Value}"));
        }

        Append("settled", "");
        foreach ((string key, string fingerprint) in listing.Settled.OrderBy(settled => settled.Key, StringComparer.Ordinal))
        {
            Append(key, fingerprint);
        }

        return Convert.ToHexString(digest.GetHashAndReset());
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.JournalUnusable, Level = LogLevel.Warning, Message = "{Path}, the last listing of the repository {Location}, is passed over: {Reason}")]
        public static partial void Unusable(ILogger logger, string path, string location, string reason);

        [LoggerMessage(EventId = EventIds.JournalNotWritten, Level = LogLevel.Warning, Message = "{Path}, the last listing of the repository {Location}, cannot be written, so a start without the store will not know it: {Reason}")]
        public static partial void NotWritten(ILogger logger, string path, string location, string reason);
    }
}
