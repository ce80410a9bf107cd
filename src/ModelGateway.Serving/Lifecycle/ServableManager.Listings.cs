using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>The manager's reading: from listings of repositories to slots. Everything here runs under <c>_gate</c>.</summary>
public sealed partial class ServableManager
{
    // What was still settling when the repositories were first read belongs to the start; what comes later does not hold it up.
    private void NoteSettling(RepositoryListing listing)
    {
        IEnumerable<ServableId> settling = listing.Models.Values.SelectMany(
            model => model.Versions.Where(version => version.IsSettling).Select(version => new ServableId(model.Name, version.Version)));
        if (_settlingAtStart is null)
        {
            _settlingAtStart = [.. settling];
        }
        else
        {
            _settlingAtStart.IntersectWith(settling);
        }
    }

    private void Take(ModelListing listing)
    {
        ModelSlot slot = _models.GetOrAdd(listing.Name, static name => new ModelSlot(name));
        slot.IsListed = true;
        slot.Conflict = null;
        if (!listing.IsConfigPending && (!slot.IsConfigRead || slot.ConfigText != listing.ConfigText))
        {
            slot.IsConfigRead = true;
            slot.ConfigText = listing.ConfigText;
            ApplyConfig(slot, listing.ConfigText);
        }

        foreach (VersionListing found in listing.Versions)
        {
            if (!slot.Versions.TryGetValue(found.Version, out VersionSlot? version))
            {
                // Where the model is in use, its new version is not to be waited for.
                bool isInUse = slot.Versions.Values.Any(other => other.Ready is not null || other.Loading is not null);
                version = new VersionSlot(new ServableId(slot.Name, found.Version)) { WasThereAtStart = _settlingAtStart is null, IsAsleep = _options.LoadOnDemand && !isInUse };
                slot.Versions.Add(found.Version, version);
                _metrics.ModelVersions(version.State).Inc();
            }

            if (version.Listing?.Fingerprint != found.Fingerprint)
            {
                // What failed was another content.
                version.RetryAt = default;
                version.Failures = 0;
            }

            version.Listing = found;
        }

        ForgetFiles(slot, [.. listing.Versions.Select(version => version.Version)]);
    }

    // What it had is kept as it was; loads under way are called off, so that the order in which repositories are read decides as little as can be.
    private void TakeConflict(string model, string reason)
    {
        ModelSlot slot = _models.GetOrAdd(model, static name => new ModelSlot(name));
        slot.IsListed = true;
        slot.Conflict = reason;
        foreach (VersionSlot version in slot.Versions.Values)
        {
            version.Loading?.Cancel();
        }
    }

    private static void ForgetFiles(ModelSlot slot, HashSet<long> present)
    {
        foreach (VersionSlot version in slot.Versions.Values.Where(version => !present.Contains(version.Id.Version)))
        {
            version.Listing = null;
            version.Loading?.Cancel();
        }
    }

    private void ApplyConfig(ModelSlot slot, string? text)
    {
        string? faults = ReadConfig(text, out ModelConfig? config);
        if (faults is null)
        {
            slot.Config = config!;
            slot.ConfigFault = null;
            slot.ConfigMissing = false;
            return;
        }

        slot.ConfigFault = $"model.yaml is faulty: {faults}";
        _metrics.ConfigFailures.Inc();
        Log.ConfigFaulty(_logger, slot.Name, faults);
    }

    private static string? ReadConfig(string? text, out ModelConfig? config)
    {
        ModelConfigResult result = ModelConfigReader.Read(text ?? "");
        config = result.Config;
        return result.Reason;
    }
}
