using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>A store that fails while clients ask: nobody notices but the metrics. Memory is off, so that each request meets the store.</summary>
[Collection(Collection)]
public abstract class StoreFaultTests : IAsyncLifetime
{
    public const string Collection = "Stores under fault";

    /// <summary>Turns of the model: some ten milliseconds, more than a trip to the store also where half of the trips find nothing.</summary>
    protected const int Turns = 10_000;

    private const int Answers = 100;

    internal StoreReplica Replica { get; private set; } = null!;

    /// <summary>The settings that lead to the store.</summary>
    protected abstract (string Key, string Value)[] Settings { get; }

    private RepositoryFolder Repository { get; } = new();

    public async Task InitializeAsync()
    {
        Repository.AddVersion("slow", 1, TestModels.Slow(Turns));
        await StartServerAsync();
        Replica = await StartReplicaAsync();
    }

    public async Task DisposeAsync()
    {
        if (Replica is not null)
        {
            await Replica.DisposeAsync();
        }

        await StopServerAsync();
        Repository.Dispose();
    }

    internal Task<StoreReplica> StartReplicaAsync(params (string Key, string Value)[] settings) =>
        StoreReplica.StartAsync(Repository, [.. Settings, ("Cache__MaxBytes", "0"), .. settings]);

    /// <summary>The store fails and comes back under load: every request is answered rightly, and in the end the store is used again.</summary>
    /// <param name="begin">Lets it fail, and returns when that shows.</param>
    /// <param name="end">Lets it be well again.</param>
    internal async Task FailAsync(Func<Task> begin, Func<Task> end)
    {
        await using StoreLoad load = StoreLoad.Start(Replica, "slow", Turns);
        await HitsAsync(20);
        await begin();
        await AnswersAsync(load);
        await end();
        await Replica.UntilAsync(async () => await Replica.MetricAsync("modelgateway_cache_store_breaker_open") == 0, "the breakers close");
        await HitsAsync(50);
        await load.StopAsync();
        Assert.Empty(load.Failures);
    }

    /// <summary>A replica that begins without the store.</summary>
    internal async Task StartWithoutAsync(Func<Task> kill, Func<Task> restart)
    {
        await kill();
        await using StoreReplica late = await StartReplicaAsync(("Cache__StoreTimeout", "00:00:05"));
        CachedAnswer[] answers = [await late.AskAsync("slow", 1), await late.AskAsync("slow", 1)];
        await restart();

        Assert.All(answers, answer => Assert.True(answer.IsRun, answer.CacheStatus));
        Assert.All(answers, answer => Assert.Equal(1 + Turns, answer.Y));
        await late.UntilSharedAsync("slow");
        await late.AskAndStoreAsync("slow", 2);
        CachedAnswer stored = await late.AskAsync("slow", 2);
        Assert.Contains("; hit;", stored.CacheStatus, StringComparison.Ordinal);
        Assert.Equal(2 + Turns, stored.Y);
    }

    /// <summary>Waits until a breaker has opened once more than now.</summary>
    internal async Task OpensAsync(string calls, Func<Task> begin)
    {
        double before = await OpeningsAsync(calls);
        await begin();
        await Replica.UntilAsync(async () => await OpeningsAsync(calls) > before, $"the {calls} breaker opens");
    }

    /// <summary>Waits until the store has given so many answers more.</summary>
    internal async Task HitsAsync(int more)
    {
        double before = await Replica.LookupsAsync("hit");
        await Replica.UntilAsync(async () => await Replica.LookupsAsync("hit") >= before + more, "answers come from the store");
    }

    /// <summary>Waits until values that somebody forged are found to be no answers.</summary>
    /// <param name="forgery">What they are.</param>
    /// <param name="forge">Forges all that is there.</param>
    internal async Task NoticesAsync(StoredForgery forgery, Func<Task> forge)
    {
        // Most of what an earlier forgery left has been asked for by then, and stored anew: what is noticed afterwards is mostly this one.
        await HitsAsync(25);
        double before = await UnusableAsync();
        await forge();
        await Replica.UntilAsync(async () => await UnusableAsync() >= before + 10, $"{forgery.Name} is noticed");
    }

    protected abstract Task StartServerAsync();

    protected abstract ValueTask StopServerAsync();

    private async Task AnswersAsync(StoreLoad load)
    {
        long before = load.Answered;
        await Replica.UntilAsync(() => Task.FromResult(load.Answered >= before + Answers || load.Failures.Count > 0), "requests are answered without the store");
    }

    private async Task<double> UnusableAsync() =>
        await Replica.MetricAsync("modelgateway_cache_store_values_total", "outcome=\"damaged\"") + await Replica.MetricAsync("modelgateway_cache_store_values_total", "outcome=\"foreign\"");

    private Task<double> OpeningsAsync(string calls) => Replica.MetricAsync("modelgateway_cache_store_breaker_openings_total", $"calls=\"{calls}\"");
}

/// <summary>Nothing else runs beside them: they need the timeouts that operators have.</summary>
[CollectionDefinition(StoreFaultTests.Collection, DisableParallelization = true)]
public sealed class StoresUnderFault;
