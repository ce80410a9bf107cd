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

    /// <summary>Asks the store for what memory does not have; whether every row is known then.</summary>
    public async ValueTask<bool> AskStoreAsync(Servable servable, ServableCache own, CacheScope scope, RowAnswers rows, TimeSpan? maxAge, CancellationToken cancellationToken)
    {
        if (cache.StoreToAsk(own, scope) is not { } store)
        {
            return rows.Missing == 0;
        }

        List<int> missing = rows.FindMissing();
        if (await store.GetManyAsync([.. missing.Select(row => rows.Keys[row])], cancellationToken) is not { } stored)
        {
            return false;
        }

        for (int i = 0; i < missing.Count; i++)
        {
            CachedPrediction? found = stored[i] is { } value && CachedPrediction.TryRead(scope, value.Payload, value.MadeAt, value.FreshFor, out CachedPrediction? read) && IsFresh(read, maxAge)
                ? read : null;
            servable.Metrics.CountLookup(CacheLevel.Store, found is null ? CacheOutcome.Miss : CacheOutcome.Hit);
            if (found is not null)
            {
                cache.Keep(own, rows.Keys[missing[i]], found);
                rows.Give(missing[i], found);
            }
        }

        return rows.Missing == 0;
    }

    /// <summary>Runs what nobody knows, and puts the answer together.</summary>
    public async ValueTask<FlightLanding> MakeAsync(PredictionFlight<FlightLanding> flight, FlightWork work, RowAnswers rows)
    {
        if (!work.Request.Cache.NoCache)
        {
            await AskStoreAsync(work.Servable, work.Own, work.Scope, rows, work.Request.Cache.MaxAge, flight.Abandoned);
        }

        List<int> missing = rows.FindMissing();
        PredictTimings timings = default;
        if (missing.Count > 0)
        {
            PredictResult run = await RunAsync(work, rows, missing, flight.Abandoned);
            if (!run.IsSuccess)
            {
                return FlightLanding.Refused(run.Error, run.Timings);
            }

            timings = run.Timings;
            using PredictResponse response = run.Response;
            if (!TryRemember(work, rows, missing, response))
            {
                return await RunWholeAsync(flight, work);
            }
        }

        return rows.TryAssemble(out FlightLanding? landing, timings, missing.Count) ? landing : await RunWholeAsync(flight, work);
    }

    private async ValueTask<PredictResult> RunAsync(FlightWork work, RowAnswers rows, List<int> missing, CancellationToken cancellationToken)
    {
        if (missing.Count == rows.Batch.Count)
        {
            return await runner.RunAsync(work.Servable, work.Request.Inputs, work.Request.Outputs, null, work.Patience, default, cancellationToken);
        }

        using var part = new PredictRequest();
        foreach (TensorRows input in rows.Batch.Inputs)
        {
            part.Add(input.Name, input.Gather(missing));
        }

        return await runner.RunAsync(work.Servable, part.Inputs, work.Request.Outputs, null, work.Patience, default, cancellationToken);
    }

    // The rows do not fit together, which the probe at load did not show: the whole answer is right, and nothing is remembered.
    private async ValueTask<FlightLanding> RunWholeAsync(PredictionFlight<FlightLanding> flight, FlightWork work)
    {
        PredictResult run = await runner.RunAsync(work.Servable, work.Request.Inputs, work.Request.Outputs, null, work.Patience, default, flight.Abandoned);
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
        own.Economy.CountRun(response.Timings.Run);
        SharedPredictions? store = cache.StoreToFill(own, work.Scope);
        DateTimeOffset now = time.GetUtcNow();
        for (int i = 0; i < missing.Count; i++)
        {
            OutputValue[] outputs = [.. cut.Select(output => OutputValue.FromTensor(output.Name, Row(output, i)))];
            var made = CachedPrediction.Of(work.Scope, outputs, now, own.Rules.Ttl, response.Timings.Run / missing.Count, Array.MaxLength);
            if (made is null)
            {
                return false;
            }

            PredictionKey key = rows.Keys[missing[i]];
            if (made.Payload.Length <= own.Rules.MaxValueBytes)
            {
                cache.Keep(own, key, made);
                store?.Set(key, made.Payload, made.MadeAt, made.FreshFor, own.Rules.Ttl + own.Rules.StaleFor);
            }

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
