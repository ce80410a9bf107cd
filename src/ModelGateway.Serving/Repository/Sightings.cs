namespace ModelGateway.Serving.Repository;

/// <summary>
/// Remembers since when files have looked as they do, to tell those that have settled from those that are still being copied. Used by one
/// scan at a time.
/// </summary>
internal sealed class Sightings(TimeSpan settleTime, TimeProvider time)
{
    private readonly Dictionary<string, Sighting> _sightings = new(StringComparer.Ordinal);

    /// <summary>What had settled when it was last looked at, by key, with the fingerprint that it had.</summary>
    public IEnumerable<KeyValuePair<string, string>> Settled =>
        _sightings.Where(entry => entry.Value.IsSettled).Select(entry => KeyValuePair.Create(entry.Key, entry.Value.Fingerprint));

    /// <summary>
    /// Settled: it has looked the same for the settle time by our clock, or it was last changed longer ago than that when first
    /// seen (so that a start does not wait for files that have been lying there). Once seen, old times prove nothing: copies that keep
    /// the times of their originals look old while half of them is missing.
    /// </summary>
    public bool IsSettled(string key, string fingerprint, DateTimeOffset lastModified)
    {
        if (!_sightings.TryGetValue(key, out Sighting? sighting) || sighting.Fingerprint != fingerprint)
        {
            sighting = new Sighting(fingerprint, time.GetTimestamp(), IsFirst: sighting is null);
            _sightings[key] = sighting;
        }

        sighting.IsSettled = sighting.IsSettled
            || time.GetElapsedTime(sighting.Since) >= settleTime
            || (sighting.IsFirst && time.GetUtcNow() - lastModified >= settleTime);
        return sighting.IsSettled;
    }

    /// <summary>It had settled before this process began.</summary>
    public void Restore(string key, string fingerprint) =>
        _sightings[key] = new Sighting(fingerprint, time.GetTimestamp(), IsFirst: true) { IsSettled = true };

    /// <summary>Forgets what is no longer there.</summary>
    public void KeepOnly(HashSet<string> seen)
    {
        foreach (string gone in _sightings.Keys.Where(key => !seen.Contains(key)).ToList())
        {
            _sightings.Remove(gone);
        }
    }

    // Since: a timestamp of the clock, which does not jump when the time of day is set.
    private sealed record Sighting(string Fingerprint, long Since, bool IsFirst)
    {
        public bool IsSettled { get; set; }
    }
}
