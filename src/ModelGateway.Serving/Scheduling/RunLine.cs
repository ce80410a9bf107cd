namespace ModelGateway.Serving.Scheduling;

/// <summary>Requests in order of arrival. Taking one out anywhere costs the same. Guarded by its owner's lock.</summary>
internal sealed class RunLine
{
    // Where few fit together, looking for those must not cost more than it saves.
    private const int MostLookedAt = 256;

    private PendingRun? _last;

    public PendingRun? First { get; private set; }

    /// <summary>Of all together.</summary>
    public long Rows { get; private set; }

    public void Add(PendingRun run)
    {
        run.Previous = _last;
        run.IsWaiting = true;
        First ??= run;
        _last?.Next = run;
        _last = run;
        Rows += run.Rows;
    }

    public void Remove(PendingRun run)
    {
        if (run.Previous is null)
        {
            First = run.Next;
        }
        else
        {
            run.Previous.Next = run.Next;
        }

        if (run.Next is null)
        {
            _last = run.Previous;
        }
        else
        {
            run.Next.Previous = run.Previous;
        }

        (run.Next, run.Previous, run.IsWaiting) = (null, null, false);
        Rows -= run.Rows;
    }

    /// <summary>Adds to the first of all those that fit it, in order. Those that do not fit keep their places.</summary>
    /// <param name="members">The first alone; it and what is added stay in the line.</param>
    /// <param name="mostRows">Of all together.</param>
    /// <param name="mostRequests">Of all together.</param>
    public static void AddFitting(List<PendingRun> members, long mostRows, int mostRequests)
    {
        PendingRun first = members[0];
        long rows = first.Rows;
        int looked = 0;
        for (PendingRun? run = first.Next; run is not null && rows < mostRows && members.Count < mostRequests && looked < MostLookedAt; run = run.Next, looked++)
        {
            if (run.CanBeJoined && rows + run.Rows <= mostRows && !run.Stop.IsCancellationRequested && RunRows.Fit(first, run))
            {
                members.Add(run);
                rows += run.Rows;
            }
        }
    }
}
