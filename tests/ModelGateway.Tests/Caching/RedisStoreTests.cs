using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Replicas that share Redis.</summary>
public sealed class RedisStoreTests(RedisFixture fixture) : ReplicaStoreTests(fixture), IClassFixture<RedisFixture>
{
    private const int Purges = 10;

    [Fact]
    public async Task Purge_ManyInARow_AreAnnounced()
    {
        // Who waited for the next look at the epochs would need up to five seconds for each.
        var patience = TimeSpan.FromSeconds(10);
        long started = TimeProvider.System.GetTimestamp();
        for (int purge = 0; purge < Purges; purge++)
        {
            await fixture.Other.AskAsync("purged", 20);
            Assert.True((await fixture.Other.AskAsync("purged", 20)).IsRemembered);
            using HttpResponseMessage answer = await fixture.One.Process.Client.DeleteAsync(new Uri("/v2/models/purged/versions/1/cache", UriKind.Relative));
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
            await fixture.Other.UntilAsync(
                async () => !(await fixture.Other.AskAsync("purged", 20)).IsRemembered, $"purge {purge} is announced", patience - TimeProvider.System.GetElapsedTime(started));
        }
    }

    [Fact]
    public async Task Predict_KeySecret_GivesOtherKeysThatTheSameSecretFinds()
    {
        (string, string)[] plain = [(fixture.PrefixSetting, "hashed")];
        (string, string)[] secret = [.. plain, ("Cache__KeySecret", Convert.ToBase64String(SHA256.HashData("a secret"u8)))];
        await using StoreReplica without = await fixture.StartReplicaAsync(plain);
        await using StoreReplica with = await fixture.StartReplicaAsync(secret);
        await using StoreReplica alike = await fixture.StartReplicaAsync(secret);

        CachedAnswer first = await without.AskAndStoreAsync("slow", 21);
        CachedAnswer second = await with.AskAndStoreAsync("slow", 21);
        CachedAnswer third = await alike.AskAsync("slow", 21);

        Assert.All([first, second], answer => Assert.True(answer.IsRun, answer.CacheStatus));
        Assert.True(third.IsFrom("redis"), third.CacheStatus);
        Assert.Equal(2, (await fixture.ReadPredictionsAsync("hashed")).Select(item => item.Key).Distinct().Count());
    }

    [Fact]
    public async Task Predict_TlsAndAUserOfLeastRights_AreShared()
    {
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        await using RedisServer server = await RedisServer.StartAsync(
            [("ca.pem", authority.ExportCertificatePem()), ("server.pem", certificate.ExportCertificatePem()), ("key.pem", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem())],
            "port 0",
            "tls-port {port}",
            "tls-ca-cert-file {folder}/ca.pem",
            "tls-cert-file {folder}/server.pem",
            "tls-key-file {folder}/key.pem",
            "tls-auth-clients no",
            "user default off",
            "user gateway on >right-horse ~modelgateway:* &modelgateway:* +get +set +setnx +setex +psetex +del +eval +publish +subscribe +ping +echo");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("redis-tls-");
        try
        {
            string trusted = Path.Combine(folder.FullName, "ca.pem");
            string password = Path.Combine(folder.FullName, "password");
            await File.WriteAllTextAsync(trusted, authority.ExportCertificatePem());
            await File.WriteAllTextAsync(password, "right-horse\n");
            (string, string)[] settings =
            [
                ("Cache__Redis__Configuration", server.Address), ("Cache__Redis__Tls", "true"), ("Cache__Redis__CaFile", trusted),
                ("Cache__Redis__User", "gateway"), ("Cache__Redis__PasswordFile", password),
            ];
            await using StoreReplica one = await fixture.StartReplicaAsync(settings);
            await using StoreReplica other = await fixture.StartReplicaAsync(settings);

            await one.AskAndStoreAsync("slow", 22);
            CachedAnswer shared = await other.AskAsync("slow", 22);

            Assert.True(shared.IsFrom("redis"), shared.CacheStatus);
            Assert.Equal(22 + StoreFixture.Turns, shared.Y);
            Assert.DoesNotContain("Redis", one.Process.Output + other.Process.Output, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Predict_ClusterOfThreeNodes_SharesKeysOfAllNodes()
    {
        const int Numbers = 24;
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        (string, string)[] settings = [("Cache__Redis__Configuration", string.Join(',', cluster.Nodes.Take(2).Select(node => node.Address)))];
        await using StoreReplica one = await fixture.StartReplicaAsync(settings);
        await using StoreReplica other = await fixture.StartReplicaAsync(settings);

        foreach (int number in Enumerable.Range(100, Numbers))
        {
            await one.AskAndStoreAsync("slow", number);
        }

        foreach (int number in Enumerable.Range(100, Numbers))
        {
            CachedAnswer answer = await other.AskAsync("slow", number);
            Assert.True(answer.IsFrom("redis"), answer.CacheStatus);
            Assert.Equal(number + StoreFixture.Turns, answer.Y);
        }

        foreach (RedisServer node in cluster.Nodes)
        {
            Assert.NotEmpty(await node.RunAsync("KEYS", "modelgateway:1:{*}:v"));
        }
    }
}
