namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// Of one version: which of its batches are not what is thought best, so that a change of the model's habits is noticed. A batch where batches do not pay, and where
/// they do a single run and a larger batch in turn.
/// </summary>
internal sealed class BatchTrials
{
    private const int TriedEvery = 64;
    private const int TriedRequests = 4;
    private int _cuts;
    private int _entered;
    private volatile bool _isDue;

    /// <summary>
    /// Whether a request that could run at once is to wait for others: where batches do not pay nobody need ever wait, and without any that wait there would be no trial.
    /// Called by several threads without a lock: about one in so many will do.
    /// </summary>
    public bool IsTimeToWait()
    {
        if (++_entered % TriedEvery != 0)
        {
            return false;
        }

        _isDue = true;
        return true;
    }

    /// <summary>The most rows of the next batch, where it is a trial. Not for several threads at a time.</summary>
    /// <param name="first">Rows of its first request.</param>
    /// <param name="worth">Rows that are thought to be worth it.</param>
    /// <param name="most">Rows that are allowed.</param>
    public long? Next(long first, long worth, long most)
    {
        bool isTurn = ++_cuts % TriedEvery == 0;
        bool isDue = _isDue;
        _isDue = false;
        if (worth <= first)
        {
            return isTurn || isDue ? Math.Min(most, first * TriedRequests) : null;
        }

        return !isTurn ? null : _cuts / TriedEvery % 2 == 1 ? first : Math.Min(most, 2 * worth);
    }
}
