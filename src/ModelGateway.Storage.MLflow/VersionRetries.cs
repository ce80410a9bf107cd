using System.Collections.Concurrent;

namespace ModelGateway.Storage.MLflow;

/// <summary>
/// Versions that could not be read, or were not ready, and when each is asked for again: at the next look, which mends most, and then after pauses
/// that double. What stays as it is, a bucket that refuses for one, costs next to nothing then.
/// </summary>
/// <remarks>Any thread. Not kept over a restart: a new process looks at everything once.</remarks>
internal sealed class VersionRetries(TimeProvider time)
{
    private static readonly TimeSpan SecondPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);
    private readonly ConcurrentDictionary<(string Model, string Version), Retry> _retries = new();

    /// <summary>A version is to be asked for again, whether the registry shows a change or not.</summary>
    public bool IsAnyDue => _retries.Values.Any(IsDue);

    /// <summary>What was wrong with a version that is not asked for again yet; null where it may be asked for.</summary>
    /// <param name="version">The version.</param>
    /// <param name="stamp">What the registry says of its model: where that has changed, nothing waits.</param>
    public string? FindProblem((string Model, string Version) version, string stamp) =>
        _retries.TryGetValue(version, out Retry? retry) && retry.Stamp == stamp && !IsDue(retry) ? retry.Problem : null;

    /// <summary>Has a version asked for again, later than the last time.</summary>
    public void Add((string Model, string Version) version, string stamp, string problem)
    {
        Retry? before = _retries.GetValueOrDefault(version);
        TimeSpan pause = before?.Stamp != stamp ? TimeSpan.Zero
            : before.Pause == TimeSpan.Zero ? SecondPause
            : before.Pause < LongestPause / 2 ? before.Pause * 2
            : LongestPause;
        _retries[version] = new Retry(stamp, problem, time.GetTimestamp(), pause);
    }

    /// <summary>Nothing is to be asked again: it was read, or what is wrong with it will not pass by itself.</summary>
    public void Remove((string Model, string Version) version) => _retries.TryRemove(version, out _);

    /// <summary>Forgets versions that nothing selects any more.</summary>
    public void KeepOnly(IReadOnlyCollection<(string Model, string Version)> versions)
    {
        foreach ((string Model, string Version) gone in _retries.Keys.Except(versions))
        {
            Remove(gone);
        }
    }

    private bool IsDue(Retry retry) => time.GetElapsedTime(retry.Since) >= retry.Pause;

    private sealed record Retry(string Stamp, string Problem, long Since, TimeSpan Pause);
}
