using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>
/// Batches of models whose rows are independent: rows that are known come from the cache, only the others are run, and the answer is put
/// together in order. A row has the key of a request that holds it alone.
/// </summary>
internal sealed class RowPredictor(PredictionCache cache, ModelRunner runner, TimeProvider time)
{
    /// <summary>What memory knows of each row.</summary>
    public RowAnswers Look(Servable servable, ServableCache own, CacheScope scope, PredictRequest request, RowBatch batch)
    {
        var keys = new PredictionKey[batch.Count];
        for (int row = 0; row < keys.Length; row++)
        {
            keys[row] = own.KeyOf(scope, request.Cache.Tenant, request.Outputs, batch.Inputs, row);
        }

        var rows = new RowAnswers(batch, keys);
        for (int row = 0; row < keys.Length && !request.Cache.NoCache; row++)
        {
            bool isKnown = cache.TryGet(keys[row], out CachedPrediction? found) && IsFresh(found, request.Cache.MaxAge);
            rows[row] = isKnown ? found : null;
            servable.Metrics.CountLookup(CacheLevel.Row, isKnown ? CacheOutcome.Hit : CacheOutcome.Miss);
        }

        return rows;
    }

    /// <summary>Asks the store for what memory does not have, where that pays.</summary>
    public async ValueTask AskStoreAsync(Servable servable, ServableCache own, CacheScope scope, PredictRequest request, RowAnswers rows, CancellationToken cancellationToken)
    {
        if (rows.Missing == 0 || cache.StoreOf(scope) is not { } store || !own.RowEconomy.ShouldAskStore(own.RowTrip.Time))
        {
            return;
        }

        long started = time.GetTimestamp();
        List<int> missing = rows.FindMissing();
        SharedValue?[] stored = await store.GetManyAsync([.. missing.Select(row => rows.Keys[row])], cancellationToken) ?? new SharedValue?[missing.Count];
        DateTimeOffset now = time.GetUtcNow();
        int hits = 0;
        for (int i = 0; i < missing.Count; i++)
        {
            CachedPrediction? found = stored[i] is { } value && own.TryRead(scope, request.Outputs, value, now, out CachedPrediction? read) && IsFresh(read, request.Cache.MaxAge)
                ? read : null;
            servable.Metrics.CountLookup(CacheLevel.Store, found is null ? CacheOutcome.Miss : CacheOutcome.Hit);
            if (found is not null)
            {
                hits++;
                own.RowEconomy.CountRun(found.RunCost);
                cache.Keep(own, rows.Keys[missing[i]], found);
                rows.Give(missing[i], found);
            }
        }

        // Also where the store did not answer, or not for all: the time is spent.
        own.RowEconomy.CountStore(hits, missing.Count);
        own.RowTrip.Observe(time.GetElapsedTime(started) / missing.Count);
    }

    /// <summary>Runs what nobody knows, and puts the answer together.</summary>
    public async ValueTask<FlightLanding> MakeAsync(PredictionFlight<FlightLanding> flight, FlightWork work, RowAnswers rows)
    {
        if (!work.Request.Cache.NoCache)
        {
            await AskStoreAsync(work.Servable, work.Own, work.Scope, work.Request, rows, flight.Abandoned);
            if (work.CountsAsMiss && SavesHalf(rows))
            {
                work.Own.Economy.CountHit();
                work.CountsAsMiss = false;
            }
        }

        bool isKnown = rows.Missing < rows.Batch.Count;
        FlightLanding? landing = await TryMakeAsync(flight, work, rows);
        if (landing is null && isKnown && rows.Missing == 0)
        {
            // Somebody put a row into the store that does not fit the others. Which one, only a run of all can tell, and that takes the place of what was remembered.
            cache.Shared?.CountDamaged();
            rows.Clear();
            landing = await TryMakeAsync(flight, work, rows);
        }

        return landing ?? await RunWholeAsync(flight, work);
    }

    /// <summary>Whether half of the run need not be made: that is taken for a hit.</summary>
    public static bool SavesHalf(RowAnswers rows) => rows.Missing * 2 <= rows.Batch.Count;

    // Null where the rows do not fit together.
    private async ValueTask<FlightLanding?> TryMakeAsync(PredictionFlight<FlightLanding> flight, FlightWork work, RowAnswers rows)
    {
        List<int> missing = rows.FindMissing();
        PredictTimings timings = default;
        if (missing.Count > 0)
        {
            PredictResult run = await RunAsync(flight, work, rows, missing);
            if (!run.IsSuccess)
            {
                return FlightLanding.Refused(run.Error, run.Timings);
            }

            timings = run.Timings;
            using PredictResponse response = run.Response;
            if (!TryRemember(work, rows, missing, response))
            {
                return null;
            }
        }

        return rows.TryAssemble(out FlightLanding? landing, timings, missing.Count) ? landing : null;
    }

    private async ValueTask<PredictResult> RunAsync(PredictionFlight<FlightLanding> flight, FlightWork work, RowAnswers rows, List<int> missing)
    {
        if (missing.Count == rows.Batch.Count)
        {
            return await work.RunAsync(runner, flight, work.Request.Inputs);
        }

        using var part = new PredictRequest();
        foreach (TensorRows input in rows.Batch.Inputs)
        {
            part.Add(input.Name, input.Gather(missing));
        }

        return await work.RunAsync(runner, flight, part.Inputs);
    }

    // The rows of one run do not fit together, which the probe at load did not show: the whole answer is right, and nothing is remembered.
    private async ValueTask<FlightLanding> RunWholeAsync(PredictionFlight<FlightLanding> flight, FlightWork work)
    {
        PredictResult run = await work.RunAsync(runner, flight, work.Request.Inputs);
        return run.IsSuccess ? FlightLanding.TooLarge(flight, run.Response) : FlightLanding.Refused(run.Error, run.Timings);
    }

    private bool TryRemember(FlightWork work, RowAnswers rows, List<int> missing, PredictResponse response)
    {
        var cut = new List<TensorRows>(response.Outputs.Count);
        foreach (OutputValue output in response.Outputs)
        {
            if (output.Kind != OutputKind.Tensor || output.Values.Shape is not [var count, ..] || count != missing.Count)
            {
                return false;
            }

            cut.Add(new TensorRows(output.Name, output.Values));
        }

        long started = time.GetTimestamp();
        ServableCache own = work.Own;
        TimeSpan cost = response.Timings.Run / missing.Count;
        own.Economy.CountRun(response.Timings.Run);
        own.RowEconomy.CountRun(cost);
        SharedPredictions? store = own.RowEconomy.ShouldFillStore(own.RowTrip.Time) ? cache.StoreOf(work.Scope) : null;
        DateTimeOffset now = time.GetUtcNow();
        for (int i = 0; i < missing.Count; i++)
        {
            OutputValue[] outputs = [.. cut.Select(output => OutputValue.FromTensor(output.Name, Row(output, i)))];
            var made = CachedPrediction.Of(work.Scope, outputs, now, own.Rules.Ttl, cost, Array.MaxLength);
            if (made is null)
            {
                return false;
            }

            PredictionKey key = rows.Keys[missing[i]];
            bool isKept = false;
            if (made.Payload.Length <= own.Rules.MaxValueBytes)
            {
                isKept = cache.Keep(own, key, made);
                isKept |= store?.Set(key, made.Payload, made.MadeAt, made.FreshFor, own.Rules.Ttl + own.Rules.StaleFor, isOneOfMany: true) == true;
            }

            rows.AreKept &= isKept;
            rows.Give(missing[i], made);
        }

        if (work.CountsAsMiss)
        {
            own.Economy.CountMiss(work.Lookup + time.GetElapsedTime(started));
        }

        return true;
    }

    private static Tensor Row(TensorRows rows, int row)
    {
        byte[] data = rows[row].ToArray();
        return new Tensor(rows.Tensor.Type, [1, .. rows.Tensor.Shape.AsSpan(1)], TensorBuffer.View(data, 0, data.Length));
    }

    private bool IsFresh(CachedPrediction prediction, TimeSpan? maxAge)
    {
        TimeSpan age = time.GetUtcNow() - prediction.MadeAt;
        return age <= prediction.FreshFor && age <= (maxAge ?? TimeSpan.MaxValue);
    }
}
