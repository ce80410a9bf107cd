using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Globalization;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>
/// A model registry in the layout of a repository: <c>MODEL/model.yaml</c> made from aliases, stages and tags, and for each version that the
/// selection points at <c>MODEL/VERSION/model.onnx</c> with what lies beside it.
/// </summary>
/// <remarks>
/// <para>
/// Cheap: one call lists a thousand registered models with their aliases, tags and the newest version of each stage, and its answer is the
/// marker. What else is needed to know of a version (where its files are, which there are, its MLmodel) is asked once and kept.
/// </para>
/// <para>
/// Patient: where a selected version cannot be served or cannot be read, what was shown in its place stays, and the reason is logged. What may
/// pass by itself is tried again after pauses that grow; in between the registry costs its one call.
/// </para>
/// <para>
/// <c>_gate</c>: one listing at a time, which alone touches <c>_models</c>; copies read <c>_shown</c>, which is replaced as a whole.
/// </para>
/// </remarks>
internal sealed partial class MLflowObjectStore(
    string location, MLflowClient client, VersionSelection selection, ArtifactResolver resolver, StoreContext context) : IObjectStore, IDisposable
{
    private const string IsPromptTag = "mlflow.prompt.is_prompt";
    private const int Parallelism = 8;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly ILogger _logger = context.Loggers.CreateLogger<MLflowObjectStore>();
    private readonly VersionRetries _retries = new(context.Time);
    private readonly ConcurrentDictionary<(string Model, string Version), KnownVersion> _versions = new();
    private Dictionary<string, ServedModel> _models = new(StringComparer.Ordinal);
    private ShownFiles? _shown;
    private HashSet<string> _reported = new(StringComparer.Ordinal);
    private string? _marker;

    /// <inheritdoc/>
    public string Location => location;

    /// <summary>
    /// Only while all that is shown lies in stores that have them: a file behind the tracking server's proxy is never to be asked for in parts,
    /// and who downloads asks this question of the store, not of the file.
    /// </summary>
    public bool SupportsRanges => _shown is { SupportRanges: true };

    /// <inheritdoc/>
    public bool MustSettle => false;

    /// <inheritdoc/>
    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            RegistrySearch search = await SearchAsync(unlessMarker, cancellationToken);

            // The first listing of a process learns what the marker of an earlier one cannot tell: where the files are.
            if (search.Marker is not null && unlessMarker == search.Marker && _marker == search.Marker && !_retries.IsAnyDue)
            {
                return null;
            }

            return await ListAsync(search, cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        FrozenDictionary<string, VersionFile> files = await FindFilesAsync(cancellationToken);
        return !files.TryGetValue(key, out VersionFile? file) ? null
            : file.Source is null ? file.Shown
            : await file.Source.FindAsync(file.File, cancellationToken) is { } found ? found with { Key = key, LastModified = file.Shown.LastModified }
            : null;
    }

    /// <inheritdoc/>
    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        FrozenDictionary<string, VersionFile> files = await FindFilesAsync(cancellationToken);
        if (!files.TryGetValue(source.Key, out VersionFile? file) || (source.Tag.Length > 0 && source.Tag != file.Shown.Tag) || offset + count > file.Shown.Size)
        {
            throw new ObjectChangedException(source.Key);
        }

        if (file.Text is not null)
        {
            await destination.WriteAsync(file.Text.AsMemory((int)offset, (int)count), cancellationToken);
            return;
        }

        await file.Source!.CopyRangeAsync(source.Tag.Length == 0 ? file.File with { Tag = "" } : file.File, offset, count, destination, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gate.Dispose();
        client.Dispose();
    }

    // A listing that a process before this one saw may be all that the caller has.
    private async Task<FrozenDictionary<string, VersionFile>> FindFilesAsync(CancellationToken cancellationToken)
    {
        if (_shown is null)
        {
            await ListAsync(unlessMarker: null, cancellationToken);
        }

        return _shown!.ByKey;
    }

    // What would take models away is asked twice: a server that has just been set up anew is empty for a moment, and a model passes from one
    // page to the one before, which was read already, where another is removed meanwhile.
    private async Task<RegistrySearch> SearchAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        RegistrySearch first = await client.SearchAsync(selection.Filter, cancellationToken);
        bool takesAway = first.Models.Count == 0
            ? _models.Count > 0 || (unlessMarker is not null && unlessMarker != first.Marker)
            : first.Pages > 1 && _models.Keys.Except(first.Models.Select(model => model.Name), StringComparer.Ordinal).Any();
        if (!takesAway)
        {
            return first;
        }

        RegistrySearch second = await client.SearchAsync(selection.Filter, cancellationToken);
        RegisteredModel[] missed = [.. first.Models.ExceptBy(second.Models.Select(model => model.Name), model => model.Name).Where(model => _models.ContainsKey(model.Name))];

        // Gone only since, or passed over by the second: the next one tells.
        return missed.Length == 0 ? second : second with { Models = [.. second.Models, .. missed], Marker = null };
    }

    private async Task<ObjectListing> ListAsync(RegistrySearch search, CancellationToken cancellationToken)
    {
        // Until it is done: one that is called off may have read what was to be asked for again.
        _marker = null;
        var scan = new RegistryScan(client, resolver, selection, _versions, _retries);
        var served = new ConcurrentDictionary<string, ServedModel>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(
            search.Models.Where(model => IsServed(model, scan)),
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellationToken },
            async (model, cancel) =>
            {
                if (await scan.ReadAsync(model, _models.GetValueOrDefault(model.Name), cancel) is { } read)
                {
                    served[model.Name] = read;
                }
            });

        // Nothing is taken over before all of it is known: a listing that is called off changes nothing.
        _models = new Dictionary<string, ServedModel>(served, StringComparer.Ordinal);
        scan.ForgetOthers();
        VersionFile[] files = [.. _models.OrderBy(model => model.Key, StringComparer.Ordinal).SelectMany(model => model.Value.Files)];
        _shown = new ShownFiles(
            files.ToFrozenDictionary(file => file.Shown.Key, StringComparer.Ordinal), files.All(static file => file.Source is null or { SupportsRanges: true }));
        Report(scan.Problems);
        _marker = search.Marker;
        return new ObjectListing([.. files.Select(file => file.Shown)], _marker) { Waiting = [.. scan.Waiting.Distinct()] };
    }

    private bool IsServed(RegisteredModel model, RegistryScan scan)
    {
        // Prompts lie among the models.
        if (selection.For(model.Name).Count == 0 || model.Tags.Any(tag => tag.Key == IsPromptTag && tag.Value?.Equals("true", StringComparison.OrdinalIgnoreCase) == true))
        {
            return false;
        }

        if (!ModelName.IsValid(model.Name))
        {
            string name = RegistryText.OneLine(model.Name, 128);
            scan.Problems.Enqueue(string.Create(CultureInfo.InvariantCulture, $"The registered model '{name}' is passed over: a model's name must match {ModelName.Pattern}."));
            return false;
        }

        return true;
    }

    private void Report(IEnumerable<string> problems)
    {
        var now = new HashSet<string>(problems, StringComparer.Ordinal);
        foreach (string problem in now.Where(problem => !_reported.Contains(problem)))
        {
            Log.PassedOver(_logger, location, problem);
        }

        _reported = now;
    }

    private sealed record ShownFiles(FrozenDictionary<string, VersionFile> ByKey, bool SupportRanges);

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.PassedOver, Level = LogLevel.Warning, Message = "{Location}: {Problem}")]
        public static partial void PassedOver(ILogger logger, string location, string problem);
    }
}
