using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>What is known of a version, from one listing to the next.</summary>
/// <param name="Identity">Changes only where another version got the same number, because its model was removed and made anew.</param>
/// <param name="ModelStamp">What the registry said of the model when the details were asked for.</param>
/// <param name="Details">What the registry says of the version, or null where it is not there.</param>
internal sealed record KnownVersion(string Identity, string ModelStamp, ModelVersion? Details)
{
    /// <summary>Its files; null before they were read, and where they cannot be served.</summary>
    public ServedVersion? Served { get; init; }

    /// <summary>Why it cannot be served, or null.</summary>
    public string? Problem { get; init; }

    /// <summary>The problem may pass without a word of the registry's listing.</summary>
    public bool MayPass { get; init; }
}

/// <summary>One listing of a registry: reads what is not known yet. Its methods may run for several models at a time.</summary>
internal sealed class RegistryScan(
    MLflowClient client,
    ArtifactResolver resolver,
    VersionSelection selection,
    ConcurrentDictionary<(string Model, string Version), KnownVersion> known,
    VersionRetries retries)
{
    private const int LongestReason = 1000;
    private readonly ConcurrentDictionary<(string Model, string Version), bool> _used = new();

    /// <summary>For operators, one sentence each.</summary>
    public ConcurrentQueue<string> Problems { get; } = new();

    /// <summary>Selected versions that cannot be shown, for the repository index.</summary>
    public ConcurrentQueue<WaitingVersion> Waiting { get; } = new();

    /// <summary>The model as it is to be shown, or null where nothing of it is selected or can be served.</summary>
    /// <param name="model">What the registry says.</param>
    /// <param name="before">As it was shown last, or null.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<ServedModel?> ReadAsync(RegisteredModel model, ServedModel? before, CancellationToken cancellationToken)
    {
        string stamp = JsonSerializer.Serialize(model, MLflowJson.Default.RegisteredModel);
        var selected = new Dictionary<VersionSelector, ServedVersion>();

        // Several aliases may stand at one version: it is read once, and they share what comes of it.
        var read = new Dictionary<string, ServedVersion?>(StringComparer.Ordinal);
        foreach (VersionSelector selector in selection.For(model.Name))
        {
            if (selector.Find(model) is not { } number)
            {
                continue;
            }

            if (!read.TryGetValue(number, out ServedVersion? version))
            {
                read[number] = version = await ReadVersionAsync(model, number, stamp, cancellationToken);
            }

            if ((version ?? before?.Selected.GetValueOrDefault(selector)) is { } served)
            {
                selected[selector] = served;
            }
        }

        if (selected.Count == 0)
        {
            return null;
        }

        byte[] text = ConfigText.Write(model, selected, problem => Report(model.Name, null, problem));
        var config = VersionFile.OfText($"{model.Name}/model.yaml", text, FromMilliseconds(Math.Max(model.LastUpdatedTimestamp, model.CreationTimestamp)));
        return new ServedModel(selected, WhatWasBefore(before, selected), config);
    }

    /// <summary>Forgets versions that nothing selects any more.</summary>
    public void ForgetOthers()
    {
        foreach ((string Model, string Version) key in known.Keys.Where(key => !_used.ContainsKey(key)))
        {
            known.TryRemove(key, out _);
        }

        retries.KeepOnly([.. _used.Keys]);
    }

    private static ServedVersion[] WhatWasBefore(ServedModel? before, Dictionary<VersionSelector, ServedVersion> selected)
    {
        if (before is null)
        {
            return [];
        }

        HashSet<long> now = [.. selected.Values.Select(version => version.Number)];
        ServedVersion[] replaced = [.. before.Selected.Values.Where(version => !now.Contains(version.Number)).DistinctBy(version => version.Number)];
        return replaced.Length > 0 ? replaced : [.. before.Before.Where(version => !now.Contains(version.Number))];
    }

    private async Task<ServedVersion?> ReadVersionAsync(RegisteredModel model, string number, string stamp, CancellationToken cancellationToken)
    {
        (string, string) key = (model.Name, number);
        _used[key] = true;
        if (retries.FindProblem(key, stamp) is { } problem)
        {
            PassOver(model.Name, number, problem);
            return null;
        }

        try
        {
            KnownVersion version = await FindDetailsAsync(model, number, stamp, cancellationToken);
            version = version.Served is null && version.Problem is null ? await ReadFilesAsync(model, version, number, cancellationToken) : version;
            known[key] = version;
            if (version is { MayPass: true, Problem: not null })
            {
                retries.Add(key, stamp, version.Problem);
            }
            else
            {
                retries.Remove(key);
            }

            if (version.Problem is not null)
            {
                PassOver(model.Name, number, version.Problem);
                return null;
            }

            return version.Served! with { Details = version.Details! };
        }
        catch (IOException exception)
        {
            // One model's trouble is not that of the listing.
            problem = $"it cannot be read now: {exception.Message.TrimEnd('.')}";
            retries.Add(key, stamp, problem);
            PassOver(model.Name, number, problem);
            return null;
        }
    }

    // From the listing where it is there, else asked for; and again whenever the listing says something else of the model.
    private async Task<KnownVersion> FindDetailsAsync(RegisteredModel model, string number, string stamp, CancellationToken cancellationToken)
    {
        KnownVersion? before = known.GetValueOrDefault((model.Name, number));
        ModelVersion? details = model.LatestVersions.FirstOrDefault(version => version.Version == number);
        if (details is null && before is { MayPass: false } && before.ModelStamp == stamp)
        {
            return before;
        }

        bool isListed = details is not null;
        details ??= await client.FindVersionAsync(model.Name, number, cancellationToken);
        string identity = string.Create(
            CultureInfo.InvariantCulture, $"{model.Name}\n{number}\n{model.CreationTimestamp}\n{details?.CreationTimestamp}\n{details?.RunId}\n{details?.Source}");
        if (details?.Status is null or ModelVersion.Ready)
        {
            // What was wrong with the files may have been mended where something was changed.
            KnownVersion? same = before?.Identity == identity && before.Details?.Status == details?.Status ? before : null;
            return same is { Served: not null } || same?.ModelStamp == stamp
                ? same with { ModelStamp = stamp, Details = details }
                : new KnownVersion(identity, stamp, details);
        }

        return new KnownVersion(identity, stamp, details)
        {
            Problem = $"its status is {RegistryText.OneLine(details.Status)}{(RegistryText.OneLine(details.StatusMessage) is { Length: > 0 } message ? $": {message}" : "")}",

            // The listing shows when it is ready; of a version that is not listed nobody tells. What has failed is never ready.
            MayPass = !isListed && details.Status != ModelVersion.FailedRegistration,
        };
    }

    private async Task<KnownVersion> ReadFilesAsync(RegisteredModel model, KnownVersion version, string number, CancellationToken cancellationToken)
    {
        if (version.Details is not { } details)
        {
            return version with { Problem = "the registry does not have it" };
        }

        if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long parsed) || parsed <= 0 || number[0] == '0')
        {
            return version with { Problem = "a version must be a positive number" };
        }

        try
        {
            ArtifactSource source = await resolver.OpenAsync(
                details with { Name = model.Name, Version = number }, version.Identity, problem => Report(model.Name, number, problem), cancellationToken);
            return version with
            {
                Served = new ServedVersion(
                    parsed, details, await VersionReader.ReadAsync(source, $"{model.Name}/{number}/", FromMilliseconds(details.CreationTimestamp), cancellationToken)),
            };
        }
        catch (ModelNotServableException exception)
        {
            return version with { Problem = exception.Message };
        }
    }

    private void PassOver(string model, string number, string problem)
    {
        Report(model, number, problem);
        if (long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long version) && version > 0)
        {
            string reason = RegistryText.OneLine(problem, LongestReason).TrimEnd('.');
            Waiting.Enqueue(new WaitingVersion(model, version, $"{reason[..1].ToUpperInvariant()}{reason[1..]}."));
        }
    }

    // Whatever a reason was made of: a line, and not an endless one.
    private void Report(string model, string? version, string problem)
    {
        problem = RegistryText.OneLine(problem, LongestReason).TrimEnd('.');
        Problems.Enqueue(version is null ? $"'{model}': {problem}." : $"'{model}/{RegistryText.OneLine(version)}' is passed over: {problem}.");
    }

    private static DateTimeOffset FromMilliseconds(long time) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(time, 0, 253_402_300_799_999));
}
