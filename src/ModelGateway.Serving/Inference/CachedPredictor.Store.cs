using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Serving.Inference;

/// <summary>What the shared store is asked, and the replicas that wait for each other by way of it.</summary>
internal sealed partial class CachedPredictor
{
    // Milliseconds; of a model that this replica has not run yet. Too long matters only where a replica dies, too short is a run too many.
    private const double UnknownCost = 3_000;

    // For a caller who takes no run: memory had nothing, perhaps the store has.
    private async ValueTask<PredictResult> AskStoreAsync(FlightWork work, CacheReport report, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        CachedPrediction? found;
        SharedPredictions? store = cache.StoreToAsk(work.Own, work.Scope);
        try
        {
            found = store is null ? null : await FindStoredAsync(store, work, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return PredictResult.Failure(ModelRunner.CallerLeft(), default, report);
        }

        if (found is null)
        {
            return NotCached(report);
        }

        TimeSpan age = Age(found.MadeAt);
        return PredictResult.Success(
            Answer(work.Servable, found), report with { Use = CacheUse.Hit, Lookup = report.Lookup + time.GetElapsedTime(started), Age = age, TimeToLive = found.FreshFor - age, Detail = store!.Name });
    }

    private async ValueTask<CachedPrediction?> FindStoredAsync(SharedPredictions store, FlightWork work, CancellationToken cancellationToken, bool takesStale = false)
    {
        CacheOutcome outcome = CacheOutcome.Miss;
        CachedPrediction? found = null;
        if (await store.GetAsync(work.Key, cancellationToken) is { } stored
            && work.Own.TryRead(work.Scope, work.Request.Outputs, stored, time.GetUtcNow(), out CachedPrediction? read))
        {
            outcome = Judge(read, work.Own.Rules, work.Request.Cache.MaxAge).Outcome;
            found = outcome == CacheOutcome.Hit || (takesStale && outcome == CacheOutcome.Stale) ? read : null;
        }

        work.Servable.Metrics.CountLookup(CacheLevel.Store, found is null ? CacheOutcome.Miss : outcome);
        work.Own.Economy.CountStore(found is not null);
        if (found is not null)
        {
            work.Own.Economy.CountRun(found.RunCost);
            work.Own.Economy.CountHit();
        }

        return found;
    }

    // One replica has the claim and runs; the others look for what it puts into the store, as long as a run may take.
    private async ValueTask<CachedPrediction?> AwaitOthersAsync(SharedPredictions store, FlightWork work, CancellationToken cancellationToken)
    {
        if (!cache.CoalescesAcrossReplicas)
        {
            return null;
        }

        // Who dies with the claim holds the others up for a run and a half and no longer.
        double cost = work.Own.Economy.RunCost.TotalMilliseconds;
        var lifetime = TimeSpan.FromMilliseconds(Math.Clamp(((cost > 0 ? cost : UnknownCost) * 1.5) + 50, 100, 60_000));
        long started = time.GetTimestamp();
        for (TimeSpan waited = TimeSpan.Zero; waited < lifetime; waited = time.GetElapsedTime(started))
        {
            bool? isMine = await store.TryClaimAsync(work.Key, lifetime, cancellationToken);
            if (isMine != false)
            {
                work.HoldsClaim = isMine == true;

                // Who had it before may have put the answer there since the last look.
                return waited > TimeSpan.Zero ? await FindStoredAsync(store, work, cancellationToken) : null;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(Math.Clamp(Math.Max(cost, waited.TotalMilliseconds) / 8, 5, 100)), time, cancellationToken);
            if (await FindStoredAsync(store, work, cancellationToken) is { } stored)
            {
                return stored;
            }
        }

        return null;
    }
}
