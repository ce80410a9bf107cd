using System.Net;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What replicas that share a store owe to each other, whatever the store.</summary>
public abstract class ReplicaStoreTests(StoreFixture fixture)
{
    private const int Requests = 32;

    [Fact]
    public async Task Predict_AnsweredByAnotherReplica_ComesFromTheStore()
    {
        CachedAnswer run = await fixture.One.AskAndStoreAsync("slow", 1);
        CachedAnswer shared = await fixture.Other.AskAsync("slow", 1);
        CachedAnswer remembered = await fixture.Other.AskAsync("slow", 1);

        Assert.Equal("ModelGateway; fwd=miss; stored", run.CacheStatus);
        Assert.True(shared.IsFrom(fixture.StoreName), shared.CacheStatus);
        Assert.True(remembered.IsFrom("memory"), remembered.CacheStatus);
        Assert.All([run, shared, remembered], answer => Assert.Equal(1 + StoreFixture.Turns, answer.Y));
        Assert.All(await fixture.ReadPredictionsAsync("modelgateway"), item => Assert.True(item.Expires, item.Key));
    }

    [Fact]
    public async Task Predict_AfterARestart_ComesFromTheStore()
    {
        await using (StoreReplica before = await fixture.StartReplicaAsync())
        {
            Assert.True((await before.AskAndStoreAsync("slow", 2)).IsRun);
        }

        await using StoreReplica after = await fixture.StartReplicaAsync();

        CachedAnswer answer = await after.AskAsync("slow", 2);

        Assert.True(answer.IsFrom(fixture.StoreName), answer.CacheStatus);
        Assert.Equal(2 + StoreFixture.Turns, answer.Y);
    }

    [Fact]
    public async Task Predict_OtherArtifactOfTheSameName_NeverGetsTheAnswerOfTheFirst()
    {
        await fixture.One.AskAndStoreAsync("slow", 3);
        using var repository = new RepositoryFolder();
        repository.AddVersion("slow", 1, TestModels.Slow(StoreFixture.Turns + 1));
        await using StoreReplica stranger = await fixture.StartReplicaAsync(repository);

        CachedAnswer first = await stranger.AskAndStoreAsync("slow", 3);
        CachedAnswer other = await fixture.Other.AskAsync("slow", 3);

        Assert.True(first.IsRun, first.CacheStatus);
        Assert.Equal(3 + StoreFixture.Turns + 1, first.Y);
        Assert.True(other.IsFrom(fixture.StoreName), other.CacheStatus);
        Assert.Equal(3 + StoreFixture.Turns, other.Y);
    }

    [Fact]
    public async Task Predict_NewVersion_NeverGetsTheAnswerOfTheOld()
    {
        await fixture.One.AskAndStoreAsync("renewed", 4);
        fixture.Repository.AddVersion("renewed", 2, TestModels.Slow(StoreFixture.Turns + 2));
        foreach (StoreReplica replica in new[] { fixture.One, fixture.Other })
        {
            await replica.UntilAsync(async () => (await replica.AskAsync("renewed", 4)).Y != 4 + StoreFixture.Turns, "version 2 answers");
            Assert.Equal(4 + StoreFixture.Turns + 2, (await replica.AskAsync("renewed", 4)).Y);
        }
    }

    [Fact]
    public async Task Purge_OnOneReplica_ReachesTheOther()
    {
        await fixture.One.AskAndStoreAsync("purged", 5);
        Assert.True((await fixture.Other.AskAsync("purged", 5)).IsFrom(fixture.StoreName));
        Assert.True((await fixture.Other.AskAsync("purged", 5)).IsRemembered);

        await PurgeAsync(fixture.One);

        Assert.True((await fixture.One.AskAsync("purged", 5)).IsRun);
        await fixture.Other.UntilAsync(async () => !(await fixture.Other.AskAsync("purged", 5)).IsRemembered, "the purge reaches the other replica");
    }

    [Fact]
    public async Task Predict_EncryptedValues_OpenWithTheirKeyAlone()
    {
        (string, string)[] first = [(fixture.PrefixSetting, "encrypted"), .. Keys(("first", 1))];
        (string, string)[] rotated = [(fixture.PrefixSetting, "encrypted"), ("Cache__Encryption__KeyId", "second"), .. Keys(("first", 1), ("second", 2))];
        (string, string)[] second = [(fixture.PrefixSetting, "encrypted"), .. Keys(("second", 2))];
        await using (StoreReplica plain = await fixture.StartReplicaAsync((fixture.PrefixSetting, "plain")))
        {
            await plain.AskAndStoreAsync("slow", 6);
        }

        await using (StoreReplica old = await fixture.StartReplicaAsync(first))
        {
            Assert.True((await old.AskAndStoreAsync("slow", 6)).IsRun);
        }

        byte[] answer = BitConverter.GetBytes(6f + StoreFixture.Turns);
        Assert.Contains(await fixture.ReadPredictionsAsync("plain"), item => item.Value.AsSpan().IndexOf(answer) >= 0);
        Assert.DoesNotContain(await fixture.ReadPredictionsAsync("encrypted"), item => item.Value.AsSpan().IndexOf(answer) >= 0);
        await using (StoreReplica both = await fixture.StartReplicaAsync(rotated))
        {
            CachedAnswer opened = await both.AskAsync("slow", 6);
            Assert.True(opened.IsFrom(fixture.StoreName), opened.CacheStatus);
            Assert.Equal(6 + StoreFixture.Turns, opened.Y);
            Assert.True((await both.AskAndStoreAsync("slow", 7)).IsRun);
        }

        await using StoreReplica without = await fixture.StartReplicaAsync(second);
        CachedAnswer closed = await without.AskAsync("slow", 6);
        CachedAnswer renewed = await without.AskAsync("slow", 7);

        Assert.True(closed.IsRun, closed.CacheStatus);
        Assert.Equal(6 + StoreFixture.Turns, closed.Y);
        Assert.True(renewed.IsFrom(fixture.StoreName), renewed.CacheStatus);
        Assert.True(await without.MetricAsync("modelgateway_cache_store_values_total", "outcome=\"unauthentic\"") > 0);
    }

    [Fact]
    public async Task Predict_EqualRequestsOnTwoReplicas_AreOneRun()
    {
        // Some tenths of a second, which nobody knows before. Patient with the store: a claim that is not answered in time is no claim.
        const int Turns = 300_000;
        using var repository = new RepositoryFolder();
        repository.AddVersion("long", 1, TestModels.Slow(Turns));
        (string, string)[] settings = [(fixture.PrefixSetting, "coalescing"), ("Cache__CoalesceAcrossReplicas", "true"), ("Cache__StoreTimeout", "00:00:02")];
        await using StoreReplica one = await fixture.StartReplicaAsync(repository, settings);
        await using StoreReplica other = await fixture.StartReplicaAsync(repository, settings);

        CachedAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 2 * Requests).Select(number => (number % 2 == 0 ? one : other).AskAsync("long", 8)));

        Assert.All(answers, answer => Assert.Equal(8 + Turns, answer.Y));
        Assert.Single(answers, answer => answer.IsRun);
    }

    [Fact]
    public async Task Predict_AnswerThatIsNotKept_LeavesNoClaimThatOthersWaitFor()
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("large", 1, TestModels.Slow(StoreFixture.Turns));
        await using StoreReplica replica = await fixture.StartReplicaAsync(repository, (fixture.PrefixSetting, "large"), ("Cache__MaxValueBytes", "1"), ("Cache__CoalesceAcrossReplicas", "true"));

        CachedAnswer answer = await replica.AskAsync("large", 9);

        Assert.Equal("ModelGateway; fwd=miss", answer.CacheStatus);
        await replica.UntilAsync(
            async () => await replica.MetricAsync("modelgateway_cache_store_requests_total", "operation=\"release\"", "outcome=\"success\"") > 0,
            "the claim is released",
            TimeSpan.FromSeconds(10));
        Assert.DoesNotContain(await fixture.ReadAllAsync(), item => item.Key.StartsWith("large:", StringComparison.Ordinal) && (item.IsPrediction || item.IsClaim));
    }

    private static async Task PurgeAsync(StoreReplica replica)
    {
        using HttpResponseMessage answer = await replica.Process.Client.DeleteAsync(new Uri("/v2/models/purged/cache", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private static IEnumerable<(string, string)> Keys(params (string Id, int Seed)[] keys) => keys.SelectMany((key, place) => new[]
    {
        ($"Cache__Encryption__Keys__{place}__Id", key.Id),
        ($"Cache__Encryption__Keys__{place}__Key", Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Seed}")))),
    });
}
