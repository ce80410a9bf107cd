using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Inference;

/// <summary>Leads requests through the cache: what is remembered is answered, equal requests share one flight, the rest is run and remembered.</summary>
internal sealed partial class CachedPredictor(PredictionCache cache, ModelRunner runner, ServingOptions options, TimeProvider time)
{
    private readonly PredictionFlights<FlightKey, FlightLanding> _flights = new();
    private readonly RunDeadlines _deadlines = new();
    private readonly RowPredictor _rows = new(cache, runner, time);

    /// <summary>Predicts, as <see cref="Predictor.PredictAsync"/> does.</summary>
    public ValueTask<PredictResult> PredictAsync(Servable servable, ServableCache own, PredictRequest request, TimeSpan patience, CancellationToken cancellationToken)
    {
        CacheDirectives wish = request.Cache;
        if (ReasonToPassBy(own, wish) is { } reason)
        {
            servable.Metrics.CountBypass(reason);
            var passed = new CacheReport(CacheUse.Bypass) { Detail = reason };
            return wish.OnlyIfCached
                ? new ValueTask<PredictResult>(NotCached(passed))
                : runner.RunAsync(servable, request.Inputs, request.Outputs, patience, null, passed, cancellationToken);
        }

        if (wish is { OnlyIfCached: true, NoCache: true })
        {
            // Neither a remembered answer nor a run is welcome.
            return new ValueTask<PredictResult>(NotCached(new CacheReport(CacheUse.Request)));
        }

        long started = time.GetTimestamp();
        CacheScope scope = own.Scope;
        if (own.Rules.ByRows && RowBatch.TryCut(request.Inputs, servable.Signature) is { } batch)
        {
            return PredictRowsAsync(servable, own, scope, request, batch, started, patience, cancellationToken);
        }

        PredictionKey key = own.KeyOf(scope, wish.Tenant, request.Outputs, request.Inputs);
        CacheUse use = wish.NoCache ? CacheUse.Request : CacheUse.Miss;
        if (!wish.NoCache && cache.TryGet(key, out CachedPrediction? found))
        {
            (CacheOutcome outcome, TimeSpan age) = Judge(found, own.Rules, wish.MaxAge);
            servable.Metrics.CountLookup(CacheLevel.Memory, outcome);
            if (outcome != CacheOutcome.Miss)
            {
                own.Economy.CountHit();
                if (outcome == CacheOutcome.Stale)
                {
                    Refresh(servable, own, scope, key, request);
                }

                var hit = new CacheReport(CacheUse.Hit, time.GetElapsedTime(started)) { Age = age, TimeToLive = found.FreshFor - age, Detail = "memory" };
                return new ValueTask<PredictResult>(PredictResult.Success(Answer(servable, found), hit));
            }

            // Fresh, but older than this caller wants.
            use = age <= found.FreshFor ? CacheUse.Request : CacheUse.Stale;
            if (age > found.FreshFor + own.Rules.StaleFor)
            {
                cache.Forget(key, found);
            }
        }
        else if (!wish.NoCache)
        {
            servable.Metrics.CountLookup(CacheLevel.Memory, CacheOutcome.Miss);
        }

        var report = new CacheReport(use, time.GetElapsedTime(started));
        var work = new FlightWork(servable, own, scope, key, request, rows: null) { Lookup = report.Lookup, TakesStale = wish.MaxAge is null };
        return wish.OnlyIfCached ? AskStoreAsync(work, report, cancellationToken) : FlyAsync(work, report, patience, cancellationToken);
    }

    private async ValueTask<PredictResult> PredictRowsAsync(
        Servable servable, ServableCache own, CacheScope scope, PredictRequest request, RowBatch batch, long started, TimeSpan patience, CancellationToken cancellationToken)
    {
        RowAnswers rows = _rows.Look(servable, own, scope, request, batch);
        if (request.Cache.OnlyIfCached)
        {
            try
            {
                await _rows.AskStoreAsync(servable, own, scope, request, rows, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return PredictResult.Failure(ModelRunner.CallerLeft(), default, new CacheReport(CacheUse.Miss, time.GetElapsedTime(started)));
            }
        }

        if (rows.Missing == 0 && rows.TryAssemble(out FlightLanding? whole))
        {
            own.Economy.CountHit();
            TimeSpan age = Age(whole.Freshness!.Value.MadeAt);
            var hit = new CacheReport(CacheUse.Hit, time.GetElapsedTime(started)) { Age = age, TimeToLive = whole.Freshness.Value.FreshFor - age, Detail = "rows" };
            return PredictResult.Success(Answer(servable, whole, default), hit);
        }

        CacheUse use = request.Cache.NoCache ? CacheUse.Request : rows.Missing < batch.Count ? CacheUse.Partial : CacheUse.Miss;
        var report = new CacheReport(use, time.GetElapsedTime(started));
        if (request.Cache.OnlyIfCached)
        {
            return NotCached(report);
        }

        bool saves = RowPredictor.SavesHalf(rows);
        if (saves)
        {
            own.Economy.CountHit();
        }

        PredictionKey key = own.KeyOf(scope, request.Cache.Tenant, request.Outputs, request.Inputs);
        return await FlyAsync(new FlightWork(servable, own, scope, key, request, rows) { Lookup = report.Lookup, CountsAsMiss = !saves }, report, patience, cancellationToken);
    }

    private static string? ReasonToPassBy(ServableCache own, CacheDirectives wish) =>
        own.Rules.Refusal
        ?? wish.Refusal
        ?? (wish.NoStore ? "no_store" : null)
        ?? (wish is { OnlyIfCached: false, NoCache: false } && !own.Economy.ShouldLook() ? "not_worth" : null);

    private static PredictResult NotCached(CacheReport report) => PredictResult.Failure(
        new PredictError(PredictErrorKind.NotCached, "No answer to this request is remembered, and Cache-Control: only-if-cached asks for no other."), default, report);

    private TimeSpan Age(DateTimeOffset madeAt)
    {
        // Another replica's clock may be ahead.
        TimeSpan age = time.GetUtcNow() - madeAt;
        return age < TimeSpan.Zero ? TimeSpan.Zero : age;
    }

    private (CacheOutcome Outcome, TimeSpan Age) Judge(CachedPrediction found, CacheRules rules, TimeSpan? maxAge)
    {
        TimeSpan age = Age(found.MadeAt);
        return (age <= found.FreshFor ? age <= (maxAge ?? TimeSpan.MaxValue) ? CacheOutcome.Hit : CacheOutcome.Miss
            : maxAge is null && age <= found.FreshFor + rules.StaleFor ? CacheOutcome.Stale
            : CacheOutcome.Miss, age);
    }

    private static PredictResponse Answer(Servable servable, CachedPrediction prediction) =>
        new(servable.Id, prediction.Outputs, default) { Freshness = new Freshness(prediction.Scope, prediction.MadeAt, prediction.FreshFor) };

    private static PredictResponse Answer(Servable servable, FlightLanding landing, PredictTimings timings) =>
        new(servable.Id, landing.Outputs!, timings) { Freshness = landing.Freshness };

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PredictResult> FlyAsync(FlightWork work, CacheReport report, TimeSpan patience, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        if (patience <= TimeSpan.Zero)
        {
            return PredictResult.Failure(PredictError.DeadlineExceeded(), default, report);
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return PredictResult.Failure(ModelRunner.CallerLeft(), default, report);
        }

        // That a caller has left shows in a twentieth of a second: for those who wait for an answer that others wait for too, that is soon enough.
        using RunDeadline deadline = _deadlines.RentLookedOver(patience, cancellationToken);
        bool leads = true;

        // Who wants a run gets a flight of his own: what flies already may end with what the store has. So does who takes none but young rows: those of another
        // were young enough when that one began.
        PredictionFlight<FlightLanding> flight = work.Request.Cache.NoCache || (work.Rows is not null && work.Request.Cache.MaxAge is not null) ? new() : _flights.Enter(FlightKey.Of(work), out leads);
        FlightSeat<FlightLanding>? seat = leads ? null : flight.TakeSeat();
        using CancellationTokenRegistration leaving = seat is null
            ? deadline.Token.UnsafeRegister(static state => ((PredictionFlight<FlightLanding>)state!).LeaveFirst(FlightLanding.Abandoned), flight)
            : deadline.Token.UnsafeRegister(static state => ((FlightSeat<FlightLanding>)state!).Leave(FlightLanding.Abandoned), seat);
        if (leads)
        {
            work.Retain();
            work.Patience = patience;

            // On this thread as long as an instance is free and no store is asked.
            _ = CompleteAsync(flight, work);
        }
        else
        {
            work.Servable.Metrics.CountLookup(CacheLevel.Flight, CacheOutcome.Hit);
            work.Own.Economy.CountHit();
        }

        FlightLanding landing = await (seat?.Task ?? flight.LandedForFirst);

        bool hasLeft = !leaving.Unregister() && deadline.Token.IsCancellationRequested;
        if (!hasLeft && cancellationToken.IsCancellationRequested)
        {
            // No look has seen it yet.
            flight.Leave();
            hasLeft = true;
        }

        // What has left may not look at the landing any more, though it be there: others may have been given it alone.
        landing = hasLeft ? FlightLanding.Abandoned : landing;

        landing.Fault?.Throw();
        TimeSpan total = time.GetElapsedTime(started);
        report = landing.Describe(report, leads, landing.Freshness is { } freshness ? Age(freshness.MadeAt) : TimeSpan.Zero);
        if (landing.Outputs is null)
        {
            return PredictResult.Failure(landing.ErrorFor(cancellationToken.IsCancellationRequested), leads ? landing.Timings : new PredictTimings(total, TimeSpan.Zero), report);
        }

        if (leads && landing.Freshness is { } given && Age(given.MadeAt) > given.FreshFor && work.TakesStale)
        {
            Refresh(work.Servable, work.Own, work.Scope, work.Key, work.Request);
        }

        return PredictResult.Success(Answer(work.Servable, landing, leads ? landing.Timings : new PredictTimings(total, TimeSpan.Zero)), report);
    }

    // A flight that nobody waits for: the caller has a stale answer already.
    private void Refresh(Servable servable, ServableCache own, CacheScope scope, PredictionKey key, PredictRequest request)
    {
        PredictionFlight<FlightLanding> flight = _flights.Enter(new FlightKey(key, null), out bool leads);
        if (!leads)
        {
            flight.Leave();
            return;
        }

        var work = new FlightWork(servable, own, scope, key, request, rows: null);
        work.Retain();
        _ = Task.Run(async () =>
        {
            using RunDeadline deadline = _deadlines.Rent(servable.Config.Limits.Timeout ?? options.PredictTimeout, CancellationToken.None);
            using CancellationTokenRegistration leaving = deadline.Token.UnsafeRegister(static state => ((PredictionFlight<FlightLanding>)state!).Leave(), flight);
            await CompleteAsync(flight, work);
            if (flight.Landed.Result.Outputs is null)
            {
                servable.Metrics.CountBypass("refresh_failed");
            }
        });
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a run throws is thrown to each of its callers, who log and answer it; the flight itself must end.")]
    private async Task CompleteAsync(PredictionFlight<FlightLanding> flight, FlightWork work)
    {
        FlightLanding landing;
        try
        {
            landing = work.Rows is { } rows
                ? await _rows.MakeAsync(flight, work, rows)
                : await MakeAsync(flight, work);
        }
        catch (OperationCanceledException) when (flight.Abandoned.IsCancellationRequested)
        {
            landing = FlightLanding.Abandoned;
        }
        catch (Exception exception)
        {
            landing = FlightLanding.Failed(ExceptionDispatchInfo.Capture(exception));
        }

        // After what it was claimed for was put into the store.
        if (work.HoldsClaim)
        {
            cache.Shared!.ReleaseClaim(work.Key);
        }

        try
        {
            // In this order: who comes after the flight is off the list finds its result in memory.
            _flights.Remove(FlightKey.Of(work), flight);
            flight.Dispose();
            work.Release();
        }
        finally
        {
            flight.Land(landing);
        }
    }

    private async ValueTask<FlightLanding> MakeAsync(PredictionFlight<FlightLanding> flight, FlightWork work)
    {
        CacheDirectives wish = work.Request.Cache;
        if (wish is { NoCache: false, MaxAge: null } && cache.TryGet(work.Key, out CachedPrediction? landed) && Judge(landed, work.Own.Rules, null).Outcome == CacheOutcome.Hit)
        {
            // Another flight has landed between the look and the start of this one.
            return FlightLanding.Found(landed, "memory", TimeSpan.Zero);
        }

        SharedPredictions? store = cache.StoreToAsk(work.Own, work.Scope);
        TimeSpan asked = TimeSpan.Zero;
        if (store is not null && !wish.NoCache)
        {
            long started = time.GetTimestamp();
            CachedPrediction? stored = await FindStoredAsync(store, work, flight.Abandoned, work.TakesStale) ?? await AwaitOthersAsync(store, work, flight.Abandoned);
            asked = time.GetElapsedTime(started);
            if (stored is not null)
            {
                cache.Keep(work.Own, work.Key, stored);
                return FlightLanding.Found(stored, store.Name, asked);
            }
        }

        PredictResult run = await work.RunAsync(runner, flight, work.Request.Inputs);
        return run.IsSuccess ? Remember(flight, work, run.Response, asked) : FlightLanding.Refused(run.Error, run.Timings);
    }

    private FlightLanding Remember(PredictionFlight<FlightLanding> flight, FlightWork work, PredictResponse response, TimeSpan asked)
    {
        long started = time.GetTimestamp();
        CacheRules rules = work.Own.Rules;
        work.Own.Economy.CountRun(response.Timings.Run);
        var made = CachedPrediction.Of(work.Scope, response.Outputs, time.GetUtcNow(), rules.Ttl, response.Timings.Run, rules.MaxValueBytes);
        if (made is null)
        {
            work.Servable.Metrics.CountBypass("too_large");
            work.Own.Economy.CountMiss(work.Lookup + time.GetElapsedTime(started));
            return FlightLanding.TooLarge(flight, response);
        }

        using (response)
        {
            bool isKept = cache.Keep(work.Own, work.Key, made);
            isKept |= cache.StoreToFill(work.Own, work.Scope)?.Set(work.Key, made.Payload, made.MadeAt, made.FreshFor, rules.Ttl + rules.StaleFor) == true;
            work.Own.Economy.CountMiss(work.Lookup + time.GetElapsedTime(started));
            return FlightLanding.Made(made, response.Timings, asked, isKept);
        }
    }

    // Those who take none but a young answer share a flight with others of the same mind: another may end with an older one that the store has.
    private readonly record struct FlightKey(PredictionKey Key, TimeSpan? MaxAge)
    {
        public static FlightKey Of(FlightWork work) => new(work.Key, work.Request.Cache.MaxAge);
    }
}
