using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Knows the layout: <c>&lt;model&gt;/model.yaml</c>, <c>&lt;model&gt;/&lt;version&gt;/model.onnx</c> with its data files, labels and manifest.
/// Used by one scan at a time; it remembers what the last scans saw, to tell a settled version from one that is still being copied, and to
/// ask the store no more than whether anything changed.
/// </summary>
/// <param name="store">Where the repository lies.</param>
/// <param name="settleTime">How long a version without a manifest, and a <c>model.yaml</c>, must stay the same before it is believed.</param>
/// <param name="time">The clock.</param>
public sealed class ModelRepository(IObjectStore store, TimeSpan settleTime, TimeProvider time)
{
    private readonly Sightings _sightings = new(store.MustSettle ? settleTime : TimeSpan.Zero, time);
    private readonly RepositoryTexts _texts = new(store);
    private readonly ListedDigests _digests = new(store.Location);
    private ObjectListing? _last;
    private RepositoryListing? _read;
    private int _correctionsRead;

    /// <summary>Where the repository lies.</summary>
    public IObjectStore Store { get; } = store;

    /// <summary>Stands before the name of every folder to make the model's name; may be empty.</summary>
    public string NamePrefix { get; init; } = "";

    /// <summary>
    /// Told what there is, so that it forgets downloads that nobody will go on with, and asked what it knows of files without a checksum; null for
    /// nobody.
    /// </summary>
    public ArtifactCache? Artifacts { get; init; }

    /// <summary>Where the last good listing is kept for a start without the store; null for nowhere.</summary>
    public ListingJournal? Journal { get; init; }

    /// <summary>The last scan was told by the store that nothing has changed.</summary>
    public bool WasUnchanged { get; private set; }

    /// <summary>
    /// Lists the repository, unless the store says that nothing has changed, and decides which versions are complete.
    /// </summary>
    /// <param name="trusted">A model whose files the operator vouches for: it need not settle. Null for none.</param>
    /// <param name="cancellationToken">Ends the scan.</param>
    /// <exception cref="IOException">The store cannot be read now.</exception>
    public async Task<RepositoryListing> ScanAsync(string? trusted, CancellationToken cancellationToken)
    {
        ObjectListing? listed = await Store.ListAsync(_last?.Marker, cancellationToken);
        WasUnchanged = listed is null;
        _last = listed ?? _last ?? throw new IOException($"The store {Store.Location} answers 'unchanged' to a first listing.");
        if (!WasUnchanged)
        {
            Artifacts?.KeepPartials(Store.Location, _last.Objects);
        }

        int corrections = _texts.Corrections;
        if (WasUnchanged && trusted is null && corrections == _correctionsRead && _read is { HasUnreadTexts: false } read && !read.Models.Values.Any(model => model.Versions.Any(version => version.IsSettling)))
        {
            return read;
        }

        // A reading that is called off leaves none: the store will say that nothing has changed, and what was read before is of another listing.
        _read = null;
        RepositoryListing listing = _read = await ReadAsync(_last, trusted, mayAsk: true, cancellationToken);
        _correctionsRead = corrections;
        Journal?.Save(Store.Location, new JournaledListing(_last.Objects, _texts.ToJournal(), _sightings.Settled.ToDictionary()));
        return listing;
    }

    /// <summary>What the journal has kept of the repository, as a scan would have seen it, or null. Asks nothing of the store.</summary>
    public async Task<RepositoryListing?> RecallAsync(CancellationToken cancellationToken)
    {
        if (Journal?.Load(Store.Location) is not { } kept)
        {
            return null;
        }

        _texts.Restore(kept.Texts);
        foreach ((string key, string fingerprint) in kept.Settled)
        {
            _sightings.Restore(key, fingerprint);
        }

        return await ReadAsync(new ObjectListing(kept.Objects, Marker: null), trusted: null, mayAsk: false, cancellationToken);
    }

    private async Task<RepositoryListing> ReadAsync(ObjectListing listed, string? trusted, bool mayAsk, CancellationToken cancellationToken)
    {
        var models = new Dictionary<string, ModelListing>(StringComparer.Ordinal);
        var problems = new List<string>();
        var reading = new Reading(new TextReading(mayAsk, cancellationToken), problems, new HashSet<string>(StringComparer.Ordinal))
        {
            Waiting = listed.Waiting.ToLookup(version => version.Folder, StringComparer.Ordinal),
        };

        // A key that ends in a slash is what a bucket's console makes for a folder.
        IEnumerable<StoredObject> files = listed.Objects.Where(item => item.Key.Contains('/') && !item.Key.EndsWith('/'));
        if (mayAsk)
        {
            await _texts.PrefetchAsync(files, reading.Texts);
        }

        foreach (IGrouping<string, StoredObject> model in files.GroupBy(item => item.Key[..item.Key.IndexOf('/')]))
        {
            string name = NamePrefix + model.Key;
            if (!ModelName.IsValid(model.Key) || !ModelName.IsValid(name))
            {
                string named = NamePrefix.Length == 0 ? "" : $", with the prefix '{NamePrefix}' before it,";
                problems.Add($"The folder '{model.Key}' is passed over: a model's name{named} must match {ModelName.Pattern}.");
                continue;
            }

            models.Add(name, await ReadModelAsync(name, model.Key, [.. model], name == trusted, reading));
        }

        _sightings.KeepOnly(reading.Seen);
        _texts.KeepOnly(reading.Seen);
        _digests.KeepOnly(reading.Seen);
        return new RepositoryListing(models, problems) { HasUnreadTexts = reading.Texts.HasUnread };
    }

    private async Task<ModelListing> ReadModelAsync(string name, string folder, IReadOnlyList<StoredObject> objects, bool trusted, Reading reading)
    {
        Text config = default;
        var versions = new List<VersionListing>();
        foreach (IGrouping<string, StoredObject> group in objects.GroupBy(item => Part(item.Key, folder.Length + 1)))
        {
            if (group.Key == RepositoryTexts.ConfigFileName)
            {
                config = await ReadConfigAsync(group.First(), trusted, reading);
            }
            else if (TryParseVersion(group.Key, out long version) && group.All(item => item.Key.Length > folder.Length + 1 + group.Key.Length))
            {
                versions.Add(await ReadVersionAsync($"{folder}/{group.Key}/", version, [.. group], trusted, reading));
            }
            else if (group.Key.All(char.IsAsciiDigit))
            {
                reading.Problems.Add($"'{folder}/{group.Key}' is passed over: a version is a folder named by a positive number without leading zeros.");
            }
        }

        versions.AddRange(reading.Waiting[folder]
            .Where(waiting => versions.All(version => version.Version != waiting.Version))
            .Select(waiting => new VersionListing(waiting.Version, [], Fingerprint([]), waiting.Reason) { Store = Store, Prefix = $"{folder}/{waiting.Version}/" })
            .ToList());

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
    private async Task<Text> ReadConfigAsync(StoredObject file, bool trusted, Reading reading)
    {
        bool settled = IsSettled(file.Key, file.Tag, file.LastModified, reading) || trusted;
        (byte[]? content, string? problem) = settled ? await _texts.ReadAsync(file, reading.Texts) : (null, $"{RepositoryTexts.ConfigFileName} is still changing.");
        return content is null && _texts.Find(file.Key) is { } known ? new Text(known, null) : new Text(content, problem) { IsSettling = !settled };
    }

    private async Task<VersionListing> ReadVersionAsync(string prefix, long version, IReadOnlyList<StoredObject> files, bool trusted, Reading reading)
    {
        string fingerprint = Fingerprint(files);
        bool settled = IsSettled(prefix, fingerprint, files.Max(file => file.LastModified), reading) || trusted;
        StoredObject manifestFile = files.FirstOrDefault(file => file.Key == prefix + VersionManifest.FileName);
        if (manifestFile.Key is not null)
        {
            reading.Seen.Add(manifestFile.Key);
            return await ReadManifestAsync(prefix, version, files, manifestFile, fingerprint, reading);
        }

        bool Has(string name) => files.Any(file => file.Key == prefix + name);
        string? wait = (Has(ModelArtifact.ModelFileName), Has(ModelArtifact.EncryptedModelFileName)) switch
        {
            (false, false) => $"The version has no {ModelArtifact.ModelFileName} yet.",
            (true, true) => $"The version has both {ModelArtifact.ModelFileName} and {ModelArtifact.EncryptedModelFileName}: remove the one that is not meant.",
            _ => null,
        };

        // A manifest is written last, after its signature.
        wait ??= Has(ManifestSignature.FileName) ? $"Waiting for {VersionManifest.FileName}, whose signature is there."
            : !settled ? "Its files are still changing."
            : null;
        return new VersionListing(version, files, fingerprint, wait)
        {
            Store = Store,
            Prefix = prefix,
            IsSettling = wait is not null && !settled,

            // Of half a version nobody wants to know it.
            Digest = wait is null ? _digests.Find(prefix, files, fingerprint, Artifacts) : null,
        };
    }

    private async Task<VersionListing> ReadManifestAsync(
        string prefix, long version, IReadOnlyList<StoredObject> files, StoredObject manifestFile, string fingerprint, Reading reading)
    {
        (byte[]? content, string? problem) = await _texts.ReadAsync(manifestFile, reading.Texts);
        if (content is null)
        {
            return new VersionListing(version, files, fingerprint, problem) { Store = Store, Prefix = prefix };
        }

        VersionListing listing = ListByManifest(prefix, version, files, manifestFile, fingerprint, content);
        if (listing.WaitReason is not null)
        {
            _texts.Doubt(manifestFile, reading.Texts);
        }

        return listing;
    }

    private VersionListing ListByManifest(string prefix, long version, IReadOnlyList<StoredObject> files, StoredObject manifestFile, string fingerprint, byte[] content)
    {
        string? digest = null;
        VersionListing Waiting(string reason) => new(version, files, fingerprint, reason) { Store = Store, Prefix = prefix, Digest = digest };
        VersionManifest manifest;
        try
        {
            manifest = VersionManifest.Parse(content);
        }
        catch (FormatException exception)
        {
            return Waiting(exception.Message);
        }

        digest = ArtifactDigest.Of(manifest.Files.Select(static file => (file.Name, file.Sha256)));
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

        if (byKey.TryGetValue(prefix + ManifestSignature.FileName, out StoredObject signature))
        {
            if (signature.Size > ManifestSignature.LargestSize)
            {
                return Waiting($"{ManifestSignature.FileName} is larger than {ManifestSignature.LargestSize} bytes.");
            }

            named.Add(signature);
        }

        return new VersionListing(version, named, fingerprint, null)
        {
            Store = Store,
            Prefix = prefix,
            Digest = digest,
            Checksums = manifest.Files.ToDictionary(file => file.Name, file => file.Sha256, StringComparer.Ordinal),
            ReadManifestAgainAsync = async token => await _texts.ReadAgainAsync(manifestFile, content, token) is { } other
                ? ListByManifest(prefix, version, files, manifestFile, fingerprint, other)
                : null,
        };
    }

    private bool IsSettled(string key, string fingerprint, DateTimeOffset lastModified, Reading reading)
    {
        reading.Seen.Add(key);
        return _sightings.IsSettled(key, fingerprint, lastModified);
    }

    private static string Part(string key, int start)
    {
        int end = key.IndexOf('/', start);
        return end < 0 ? key[start..] : key[start..end];
    }

    private static bool TryParseVersion(string text, out long version) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out version) && version > 0 && text[0] != '0';

    // The location is in it: a model that moves to another repository is another one, though its files may look the same.
    private string Fingerprint(IEnumerable<StoredObject> files)
    {
        StringBuilder text = new StringBuilder(Store.Location).Append('\n');
        foreach (StoredObject file in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            text.Append(file.Key).Append('\n').Append(file.Tag).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    // What one reading of the listed objects carries along. Seen: keys that are remembered for the next one.
    private sealed record Reading(TextReading Texts, List<string> Problems, HashSet<string> Seen)
    {
        // By folder, what the store has no files of.
        public required ILookup<string, WaitingVersion> Waiting { get; init; }
    }

    // Neither: there is no such file.
    private readonly record struct Text(byte[]? Content, string? Problem)
    {
        public bool IsSettling { get; init; }
    }
}
