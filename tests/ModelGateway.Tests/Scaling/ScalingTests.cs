using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;
using Xunit.Abstractions;

namespace ModelGateway.Tests.Scaling;

/// <summary>
/// Several gateways behind nginx, with the configuration that the repository offers for it, under load: replicas die, leave and come, versions change,
/// answers are forgotten. No request fails that the balancer may send again, and all replicas end up alike.
/// </summary>
public sealed class ScalingTests(ITestOutputHelper output) : IDisposable
{
    private const int Clients = 4;

    // The one that nobody but the test asks.
    private const string Purged = "purged";

    // Answers that clients get between two changes.
    private const int Traffic = 200;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Spread by hash over three replicas. That one gets none of them is less likely than one in five hundred thousand.
    private static readonly string[] Models = [.. Enumerable.Range(0, 36).Select(number => $"m{number}")];
    private readonly RepositoryFolder _repository = new();

    public void Dispose() => _repository.Dispose();

    [Fact]
    public async Task Replicas_KilledDrainedAddedAndRolledOut_NoRequestFailsAndAllEndUpAlike()
    {
        Publish(1);
        Uri[] addresses = [.. Enumerable.Range(0, 4).Select(_ => GatewayProcess.NewAddress())];
        await using RedisServer redis = await RedisServer.StartAsync();
        await using var replicas = new Replicas(_repository, redis);
        await replicas.StartAsync(addresses[..3]);
        await using NginxBalancer balancer = await NginxBalancer.StartAsync(addresses[..3]);
        await using BalancedLoad load = BalancedLoad.Start(balancer.Address, Clients, Models);
        await replicas.EachAsync(async client => await Replicas.AnsweredAsync(client) > 0, "a request for each replica");

        await replicas.KillAsync(addresses[0]);
        await TrafficAsync(load, "one replica was killed");

        await replicas.DrainAsync(addresses[1]);
        await TrafficAsync(load, "one more was drained");

        // Until now the balancer alone sent again. Its reload may cut a client off: see BalancedLoad.SentAgain.
        Assert.Equal(0, load.SentAgain);
        await replicas.StartAsync(addresses[0], addresses[3]);
        await balancer.SetReplicasAsync(addresses[0], addresses[2], addresses[3]);
        await replicas.EachAsync(async client => await Replicas.AnsweredAsync(client) > 0, "a request for each replica, the new one among them");
        await TrafficAsync(load, "one came back and one was added");

        Publish(2);
        await UntilAsync(() => Models.All(model => load.AnsweredBy(model, 2) > 0), "version 2 of each model answers");
        await replicas.EachAsync(async client => (await Replicas.IndexAsync(client)).Split('\n').Count(line => line.Contains(" 2 READY ", StringComparison.Ordinal)) == Models.Length + 1, "version 2 of each model");
        Assert.Single((await replicas.IndexesAsync()).Distinct(StringComparer.Ordinal));
        await TrafficAsync(load, "version 2 was rolled out");

        await PurgeAsync(replicas, balancer.Address);
        await load.StopAsync();
        Assert.True(load.Failures.Count == 0, $"{load.Failures.Count} failed, {load.Answered} did not:{Environment.NewLine}{string.Join(Environment.NewLine, load.Failures.Take(5))}{Environment.NewLine}{balancer.Output}");
    }

    private async Task PurgeAsync(Replicas replicas, Uri balancer)
    {
        await replicas.EachAsync(client => Replicas.PredictAsync(client, Purged), "an answer");
        await replicas.EachAsync(client => Replicas.RemembersAsync(client, Purged), "an answer that is remembered");
        using var client = new HttpClient { BaseAddress = balancer };
        using HttpResponseMessage purged = await client.DeleteAsync(new Uri($"v2/models/{Purged}/cache", UriKind.Relative));
        Assert.True(purged.IsSuccessStatusCode, purged.ToString());
        await replicas.EachAsync(async client => !await Replicas.RemembersAsync(client, Purged), "the answer to be forgotten");
    }

    private void Publish(int version)
    {
        foreach (string model in Models.Append(Purged))
        {
            _repository.AddVersion(model, version, TestModels.AddConstant(version));
        }
    }

    private async Task TrafficAsync(BalancedLoad load, string after)
    {
        long before = load.Answered;
        await UntilAsync(() => load.Answered >= before + Traffic || load.Failures.Count > 0, $"{Traffic} answers after {after}");
        output.WriteLine($"{after}: {load.Answered} answers so far, {load.SentAgain} requests sent again by clients, {load.Failures.Count} failed");
    }

    private static async Task UntilAsync(Func<bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while (!condition())
        {
            Assert.False(deadline.IsCancellationRequested, $"Waited in vain for {what}.");
            await Task.Delay(20);
        }
    }
}
