using System.Collections.Concurrent;
using System.Text;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Repository;

/// <summary>The texts of a repository, each <c>model.yaml</c> and <c>manifest.json</c>: read once for as long as they stay the same.</summary>
/// <remarks>
/// Where the store gives no checksum, nobody can tell a text that was damaged on the way, and it would be believed for as long as the
/// object stays the same. So one that is of no use is read again. Damage is never twice the same: what comes twice is what lies there.
/// <code>
/// Proven    read with the store's checksum, or twice the same
/// Unproven  read once, without a checksum, and nothing speaks against it
/// Doubted   as Unproven, but it is of no use: the next look reads it again
/// </code>
/// Scans come one at a time; loads read again at any time. Each entry is replaced as a whole.
/// </remarks>
internal sealed class RepositoryTexts(IObjectStore store)
{
    public const string ConfigFileName = "model.yaml";
    private const int LargestConfig = 1 << 20;
    private const int TextsAtATime = 8;
    private readonly ConcurrentDictionary<string, KnownText> _known = new(StringComparer.Ordinal);
    private int _corrections;

    private enum Trust
    {
        Unproven,
        Doubted,
        Proven,
    }

    /// <summary>How often a text turned out to be another one between two scans: what was made of the texts before is to be made anew.</summary>
    public int Corrections => Volatile.Read(ref _corrections);

    /// <summary>The text as it was last read, which may have been of an earlier object; null for none.</summary>
    public byte[]? Find(string key) => _known.GetValueOrDefault(key)?.Content;

    public Dictionary<string, JournaledText> ToJournal() =>
        _known.ToDictionary(entry => entry.Key, entry => new JournaledText(entry.Value.Tag, entry.Value.Content), StringComparer.Ordinal);

    public void Restore(IReadOnlyDictionary<string, JournaledText> texts)
    {
        foreach ((string key, JournaledText text) in texts)
        {
            _known[key] = new KnownText(text.Tag, text.Content, IsOfUse(key, text.Content) ? Trust.Unproven : Trust.Doubted);
        }
    }

    public void KeepOnly(HashSet<string> keys)
    {
        foreach (string gone in _known.Keys.Where(key => !keys.Contains(key)))
        {
            _known.TryRemove(gone, out _);
        }
    }

    /// <summary>The text of an object as it was listed, or why there is none. One text that cannot be read is the trouble of its model; that of all is a listing that fails.</summary>
    public async Task<(byte[]? Content, string? Problem)> ReadAsync(StoredObject file, TextReading reading)
    {
        KnownText? known = _known.GetValueOrDefault(file.Key);
        if (known?.Tag == file.Tag && (known.Trust != Trust.Doubted || !reading.MayAsk))
        {
            return (known.Content, null);
        }

        string name = file.Key[(file.Key.LastIndexOf('/') + 1)..];
        if (file.Size > LargestOf(file.Key))
        {
            return (null, $"{name} is larger than {LargestOf(file.Key)} bytes.");
        }

        if (!reading.MayAsk)
        {
            return (null, $"{name} is not known, and the store cannot be read now.");
        }

        try
        {
            (byte[] content, bool isChecked) = reading.Prefetched.TryGetValue(file.Key, out (byte[], bool) prefetched) ? prefetched : await FetchAsync(file, reading.Cancellation);
            reading.HasUnread |= Note(file, content, isChecked).Trust == Trust.Doubted;
            return (content, null);
        }
        catch (IOException exception)
        {
            reading.HasUnread = true;
            return (null, $"{name} cannot be read: {exception.Message}");
        }
    }

    /// <summary>The listing does not fit what a text says: it is read again at the next look, unless it is known to be what lies there.</summary>
    public void Doubt(StoredObject file, TextReading reading)
    {
        if (_known.TryGetValue(file.Key, out KnownText? known) && known.Tag == file.Tag && known.Trust != Trust.Proven)
        {
            _known.TryUpdate(file.Key, known with { Trust = Trust.Doubted }, known);
            reading.HasUnread = true;
        }
    }

    /// <summary>Reads a text again at once, for who found that what it says is not so.</summary>
    /// <param name="file">As listed.</param>
    /// <param name="believed">What was read of it before.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What it is instead; null where it is what was believed.</returns>
    /// <exception cref="IOException">The store cannot be read now, or the object is another one.</exception>
    public async Task<byte[]?> ReadAgainAsync(StoredObject file, byte[] believed, CancellationToken cancellationToken)
    {
        if (_known.TryGetValue(file.Key, out KnownText? known) && known.Tag == file.Tag)
        {
            if (!known.Content.AsSpan().SequenceEqual(believed))
            {
                // It has been read again since.
                return known.Content;
            }

            if (known.Trust == Trust.Proven)
            {
                return null;
            }
        }

        (byte[] content, bool isChecked) = await FetchAsync(file, cancellationToken);
        Note(file, content, isChecked);
        if (content.AsSpan().SequenceEqual(believed))
        {
            return null;
        }

        Interlocked.Increment(ref _corrections);
        return content;
    }

    /// <summary>
    /// Reads the texts that are new, several at a time: one after the other, a thousand models in a bucket would take minutes. A folder is read
    /// as it comes; there it costs next to nothing. What cannot be read now is tried once more when its model is read, and reported then.
    /// </summary>
    public async Task PrefetchAsync(IEnumerable<StoredObject> files, TextReading reading)
    {
        if (store is FileObjectStore)
        {
            return;
        }

        IEnumerable<StoredObject> texts = files.Where(file =>
            (file.Key.EndsWith("/" + ConfigFileName, StringComparison.Ordinal) && file.Key.Count(c => c == '/') == 1
            || IsManifest(file.Key) && file.Key.Count(c => c == '/') == 2)
            && file.Size <= LargestOf(file.Key)
            && !(_known.GetValueOrDefault(file.Key) is { } known && known.Tag == file.Tag && known.Trust != Trust.Doubted));
        var bound = new ParallelOptions { MaxDegreeOfParallelism = TextsAtATime, CancellationToken = reading.Cancellation };
        await Parallel.ForEachAsync(texts, bound, async (file, token) =>
        {
            try
            {
                reading.Prefetched[file.Key] = await FetchAsync(file, token);
            }
            catch (IOException)
            {
                // Its model will say so.
            }
        });
    }

    private static bool IsManifest(string key) => key.EndsWith("/" + VersionManifest.FileName, StringComparison.Ordinal);

    private static int LargestOf(string key) => IsManifest(key) ? VersionManifest.LargestSize : LargestConfig;

    private static bool IsOfUse(string key, byte[] content)
    {
        if (!IsManifest(key))
        {
            return ModelConfigReader.Read(Encoding.UTF8.GetString(content)).Config is not null;
        }

        try
        {
            VersionManifest.Parse(content);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private KnownText Note(StoredObject file, byte[] content, bool isChecked)
    {
        bool isProven = isChecked || (_known.TryGetValue(file.Key, out KnownText? before) && before.Tag == file.Tag && before.Content.AsSpan().SequenceEqual(content));
        var read = new KnownText(file.Tag, content, isProven ? Trust.Proven : IsOfUse(file.Key, content) ? Trust.Unproven : Trust.Doubted);
        _known[file.Key] = read;
        return read;
    }

    private async Task<(byte[] Content, bool IsChecked)> FetchAsync(StoredObject file, CancellationToken cancellationToken)
    {
        ObjectChecksum? expected = file.Checksum
            ?? (await store.FindAsync(file.Key, cancellationToken) is { } found && (file.Tag.Length == 0 || found.Tag == file.Tag) ? found.Checksum : throw new ObjectChangedException(file.Key));
        using var content = new MemoryStream((int)file.Size);
        await store.CopyToAsync(file, content, cancellationToken);
        byte[] bytes = content.ToArray();
        if (expected is { } checksum)
        {
            using var calculator = new ChecksumCalculator(checksum.Algorithm);
            calculator.Append(bytes);
            if (calculator.GetChecksumAndReset() != checksum)
            {
                throw new IOException("it arrived damaged.");
            }
        }

        return (bytes, expected is not null);
    }

    private sealed record KnownText(string Tag, byte[] Content, Trust Trust);
}

/// <summary>What one reading of the listed objects knows and learns of their texts.</summary>
/// <param name="MayAsk">The store can be asked.</param>
/// <param name="Cancellation">Ends it.</param>
internal sealed record TextReading(bool MayAsk, CancellationToken Cancellation)
{
    /// <summary>A text could not be read, or is to be read again: worth another look.</summary>
    public bool HasUnread { get; set; }

    /// <summary>By key, of the objects as listed for this reading; what has not settled is not believed for being here.</summary>
    public ConcurrentDictionary<string, (byte[] Content, bool IsChecked)> Prefetched { get; } = new(StringComparer.Ordinal);
}
