using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Knows the layout: <c>&lt;model&gt;/model.yaml</c>, <c>&lt;model&gt;/&lt;version&gt;/model.onnx</c> with its data files, labels and manifest.
/// Used by one scan at a time; it remembers what the last scans saw, to tell a settled version from one that is still being copied.
/// </summary>
/// <param name="store">Where the repository lies.</param>
/// <param name="settleTime">How long a version without a manifest, and a <c>model.yaml</c>, must stay the same before it is believed.</param>
/// <param name="time">The clock.</param>
public sealed class ModelRepository(IObjectStore store, TimeSpan settleTime, TimeProvider time)
{
    private const string ConfigFileName = "model.yaml";
    private const int LargestConfig = 1 << 20;
    private readonly TimeSpan _settleTime = store.MustSettle ? settleTime : TimeSpan.Zero;
    private readonly Dictionary<string, Sighting> _sightings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Tag, byte[] Content)> _texts = new(StringComparer.Ordinal);

    /// <summary>Where the repository lies.</summary>
    public IObjectStore Store { get; } = store;

    /// <summary>Lists the repository and decides which versions are complete.</summary>
    /// <param name="trusted">A model whose files the operator vouches for: it need not settle. Null for none.</param>
    /// <param name="cancellationToken">Ends the scan.</param>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public async Task<RepositoryListing> ScanAsync(string? trusted, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredObject> objects = (await Store.ListAsync(null, cancellationToken))!.Objects;
        var models = new Dictionary<string, ModelListing>(StringComparer.Ordinal);
        var problems = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);

        // A key that ends in a slash is what a bucket's console makes for a folder.
        IEnumerable<StoredObject> files = objects.Where(item => item.Key.Contains('/') && !item.Key.EndsWith('/'));
        foreach (IGrouping<string, StoredObject> model in files.GroupBy(item => item.Key[..item.Key.IndexOf('/')]))
        {
            if (!ModelName.IsValid(model.Key))
            {
                problems.Add($"The folder '{model.Key}' is passed over: a model's name must match {ModelName.Pattern}.");
                continue;
            }

            models.Add(model.Key, await ReadModelAsync(model.Key, [.. model], model.Key == trusted, problems, seen, cancellationToken));
        }

        Forget(_sightings, seen);
        Forget(_texts, seen);
        return new RepositoryListing(models, problems);
    }

    private static void Forget<T>(Dictionary<string, T> known, HashSet<string> seen)
    {
        foreach (string gone in known.Keys.Where(key => !seen.Contains(key)).ToList())
        {
            known.Remove(gone);
        }
    }

    private async Task<ModelListing> ReadModelAsync(
        string name, IReadOnlyList<StoredObject> objects, bool trusted, List<string> problems, HashSet<string> seen, CancellationToken cancellationToken)
    {
        Text config = default;
        var versions = new List<VersionListing>();
        foreach (IGrouping<string, StoredObject> group in objects.GroupBy(item => Part(item.Key, name.Length + 1)))
        {
            if (group.Key == ConfigFileName)
            {
                config = await ReadConfigAsync(group.First(), trusted, seen, cancellationToken);
            }
            else if (TryParseVersion(group.Key, out long version) && group.All(item => item.Key.Length > name.Length + 1 + group.Key.Length))
            {
                versions.Add(await ReadVersionAsync($"{name}/{group.Key}/", version, [.. group], trusted, seen, cancellationToken));
            }
            else if (group.Key.All(char.IsAsciiDigit))
            {
                problems.Add($"'{name}/{group.Key}' is passed over: a version is a folder named by a positive number without leading zeros.");
            }
        }

        // Without its first configuration a model would be loaded wrongly, so all its versions wait for that.
        return new ModelListing(
            name,
            config.Content is null ? null : Encoding.UTF8.GetString(config.Content),
            [.. versions.OrderBy(version => version.Version).Select(version => config.Problem is null || version.WaitReason is not null
                ? version
                : version with { WaitReason = config.Problem, IsSettling = config.IsSettling })])
        {
            IsConfigPending = config.Problem is not null,
        };
    }

    // The last settled text stays in force while a new one is being written.
    private async Task<Text> ReadConfigAsync(StoredObject file, bool trusted, HashSet<string> seen, CancellationToken cancellationToken)
    {
        bool settled = IsSettled(file.Key, file.Tag, file.LastModified, seen) || trusted;
        Text text = settled ? await ReadTextAsync(file, LargestConfig, cancellationToken) : new Text(null, $"{ConfigFileName} is still changing.") { IsSettling = true };
        return text.Content is null && _texts.TryGetValue(file.Key, out (string Tag, byte[] Content) known) ? new Text(known.Content, null) : text;
    }

    private async Task<VersionListing> ReadVersionAsync(
        string prefix, long version, IReadOnlyList<StoredObject> files, bool trusted, HashSet<string> seen, CancellationToken cancellationToken)
    {
        string fingerprint = Fingerprint(files);
        bool settled = IsSettled(prefix, fingerprint, files.Max(file => file.LastModified), seen) || trusted;
        StoredObject manifestFile = files.FirstOrDefault(file => file.Key == prefix + VersionManifest.FileName);
        if (manifestFile.Key is not null)
        {
            seen.Add(manifestFile.Key);
            return await ReadManifestAsync(prefix, version, files, manifestFile, fingerprint, cancellationToken);
        }

        string? wait = !files.Any(file => file.Key == prefix + ModelArtifact.ModelFileName) ? $"The version has no {ModelArtifact.ModelFileName} yet."
            : !settled ? "Its files are still changing."
            : null;
        return new VersionListing(version, files, fingerprint, wait) { Store = Store, Prefix = prefix, IsSettling = wait is not null && !settled };
    }

    private async Task<VersionListing> ReadManifestAsync(
        string prefix, long version, IReadOnlyList<StoredObject> files, StoredObject manifestFile, string fingerprint, CancellationToken cancellationToken)
    {
        VersionListing Waiting(string reason) => new(version, files, fingerprint, reason) { Store = Store, Prefix = prefix };
        Text text = await ReadTextAsync(manifestFile, VersionManifest.LargestSize, cancellationToken);
        if (text.Problem is not null)
        {
            return Waiting(text.Problem);
        }

        VersionManifest manifest;
        try
        {
            manifest = VersionManifest.Parse(text.Content);
        }
        catch (FormatException exception)
        {
            return Waiting(exception.Message);
        }

        Dictionary<string, StoredObject> byKey = files.ToDictionary(file => file.Key, StringComparer.Ordinal);
        var named = new List<StoredObject> { manifestFile };
        foreach (ManifestFile file in manifest.Files)
        {
            if (!byKey.TryGetValue(prefix + file.Name, out StoredObject found) || found.Size != file.Size)
            {
                return Waiting($"Waiting for '{file.Name}' with {file.Size} bytes, as {VersionManifest.FileName} says.");
            }

            named.Add(found);
        }

        return new VersionListing(version, named, fingerprint, null)
        {
            Store = Store,
            Prefix = prefix,
            Checksums = manifest.Files.ToDictionary(file => file.Name, file => file.Sha256, StringComparer.Ordinal),
        };
    }

    /// <summary>
    /// Settled: it has looked the same for the settle time by our clock, or it was last changed longer ago than that when first
    /// seen (so that a start does not wait for files that have been lying there). Once seen, old times prove nothing: copies that keep
    /// the times of their originals look old while half of them is missing.
    /// </summary>
    private bool IsSettled(string key, string fingerprint, DateTimeOffset lastModified, HashSet<string> seen)
    {
        seen.Add(key);
        if (!_sightings.TryGetValue(key, out Sighting? sighting) || sighting.Fingerprint != fingerprint)
        {
            sighting = new Sighting(fingerprint, time.GetTimestamp(), IsFirst: sighting is null);
            _sightings[key] = sighting;
        }

        return time.GetElapsedTime(sighting.Since) >= _settleTime || (sighting.IsFirst && time.GetUtcNow() - lastModified >= _settleTime);
    }

    // One text that cannot be read is the trouble of its model; that of all is a listing that fails.
    private async Task<Text> ReadTextAsync(StoredObject file, int largest, CancellationToken cancellationToken)
    {
        if (_texts.TryGetValue(file.Key, out (string Tag, byte[] Content) known) && known.Tag == file.Tag)
        {
            return new Text(known.Content, null);
        }

        string name = file.Key[(file.Key.LastIndexOf('/') + 1)..];
        if (file.Size > largest)
        {
            return new Text(null, $"{name} is larger than {largest} bytes.");
        }

        try
        {
            using var content = new MemoryStream();
            await Store.CopyToAsync(file, content, cancellationToken);
            _texts[file.Key] = (file.Tag, content.ToArray());
            return new Text(content.ToArray(), null);
        }
        catch (IOException exception)
        {
            return new Text(null, $"{name} cannot be read: {exception.Message}");
        }
    }

    private static string Part(string key, int start)
    {
        int end = key.IndexOf('/', start);
        return end < 0 ? key[start..] : key[start..end];
    }

    private static bool TryParseVersion(string text, out long version) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out version) && version > 0 && text[0] != '0';

    private static string Fingerprint(IEnumerable<StoredObject> files)
    {
        var text = new StringBuilder();
        foreach (StoredObject file in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            text.Append(file.Key).Append('\n').Append(file.Tag).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    // Since: a timestamp of the clock, which does not jump when the time of day is set.
    private sealed record Sighting(string Fingerprint, long Since, bool IsFirst);

    // Neither: there is no such file.
    private readonly record struct Text(byte[]? Content, string? Problem)
    {
        public bool IsSettling { get; init; }
    }
}
