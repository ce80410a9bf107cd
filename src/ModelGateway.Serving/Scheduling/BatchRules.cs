using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Scheduling;

/// <summary>How the requests of one version are put together, for a version of which it is known that this changes no answer.</summary>
/// <param name="Signature">Which inputs are optional: requests that give those run alone, since nobody has tried them.</param>
/// <param name="MaxRows">Most rows that are put together.</param>
/// <param name="IsAutomatic">Only where it pays.</param>
public sealed record BatchRules(ModelSignature Signature, int MaxRows, bool IsAutomatic)
{
    /// <summary>Rows that a batch should have where so many wait, ascending.</summary>
    public IReadOnlyList<int> Preferred { get; init; } = [];

    /// <summary>How long a request waits for others although it could run.</summary>
    public TimeSpan MaxDelay { get; init; }

    /// <summary>Told, once, why the rows of answers could not be told apart; from then on each request runs alone.</summary>
    public Action<string>? Stopped { get; init; }

    /// <summary>The most that is taken of what waits.</summary>
    /// <param name="waiting">Rows.</param>
    /// <param name="most">Rows that are worth it.</param>
    internal long Target(long waiting, long most)
    {
        long target = Math.Min(most, MaxRows);
        for (int i = Preferred.Count - 1; i >= 0; i--)
        {
            if (Preferred[i] <= waiting && Preferred[i] <= target)
            {
                return Preferred[i];
            }
        }

        return target;
    }
}
