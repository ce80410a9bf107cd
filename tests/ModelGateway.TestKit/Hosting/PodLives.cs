using System.Globalization;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// A gateway's whole life, again and again: start, ready, traffic, SIGTERM under load, end. It shares the load with a second gateway that stays, behind
/// HAProxy with the configuration that the repository offers, while clients never stop asking.
/// </summary>
public static class PodLives
{
    private const int Clients = 4;

    // Spread by hash over the two gateways. That all of them fall to the one that stays is less likely than one in ten million.
    private const int Models = 24;
    private const int Staying = 0;
    private const int Pod = 1;

    // Answers that a pod gives before it is sent away.
    private const int Traffic = 50;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Lives that many lives.</summary>
    /// <param name="lives">Their number.</param>
    /// <param name="delay"><c>Gateway:Shutdown:Delay</c>. The balancer looks twice a second, and believes the second look.</param>
    /// <param name="report">Told after each life what happened so far; may be null.</param>
    /// <exception cref="TimeoutException">Something that must happen did not within a minute.</exception>
    public static async Task<PodLivesResult> RunAsync(int lives, TimeSpan delay, Action<PodLivesResult>? report = null)
    {
        using var repository = new RepositoryFolder();
        string[] models = [.. Enumerable.Range(0, Models).Select(number => $"m{number}")];
        foreach (string model in models)
        {
            repository.AddVersion(model, 1, TestModels.AddConstant(1));
        }

        Uri[] addresses = [GatewayProcess.NewAddress(), GatewayProcess.NewAddress()];
        await using GatewayProcess staying = Start(repository, addresses[Staying], delay);
        await staying.WaitUntilReadyAsync();
        await using HaproxyBalancer balancer = await HaproxyBalancer.StartAsync(addresses);
        await balancer.WaitUntilAsync(Staying, isUp: true);
        await balancer.WaitUntilAsync(Pod, isUp: false);
        await using BalancedLoad load = BalancedLoad.Start(balancer.Address, Clients, models);

        var result = new PodLivesResult();
        for (int life = 1; life <= lives && result.Failures.Count == 0; life++)
        {
            long before = (await balancer.CountersAsync(Pod)).Answered;
            await using GatewayProcess pod = Start(repository, addresses[Pod], delay);
            await pod.WaitUntilReadyAsync();
            await balancer.WaitUntilAsync(Pod, isUp: true);
            await AnswersAsync(balancer, before + Traffic, load);
            pod.Terminate();
            int exitCode = await pod.WaitForExitAsync(Patience);
            BalancerCounters gone = await balancer.CountersAsync(Pod);
            BalancerCounters stays = await balancer.CountersAsync(Staying);
            result = new PodLivesResult
            {
                Lives = life,
                Answered = load.Answered,
                AnsweredByPods = gone.Answered,
                SentAgain = gone.SentAgain + stays.SentAgain + load.SentAgain,
                Failures = exitCode == 0 ? load.Failures : [.. load.Failures, $"exit code {exitCode}: {pod.Output}"],
            };
            report?.Invoke(result);
        }

        await load.StopAsync();
        return result with { Answered = load.Answered, Failures = load.Failures.Count > result.Failures.Count ? load.Failures : result.Failures };
    }

    private static async Task AnswersAsync(HaproxyBalancer balancer, long count, BalancedLoad load)
    {
        using var deadline = new CancellationTokenSource(Patience);
        while ((await balancer.CountersAsync(Pod)).Answered < count && load.Failures.Count == 0)
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"The pod did not answer {Traffic} requests. HAProxy wrote:{Environment.NewLine}{balancer.Output}"));
            }

            await Task.Delay(20);
        }
    }

    private static GatewayProcess Start(RepositoryFolder repository, Uri address, TimeSpan delay) => GatewayProcess.Start(new Dictionary<string, string?>
    {
        ["ASPNETCORE_URLS"] = address.GetLeftPart(UriPartial.Authority),
        ["Gateway__Repository"] = repository.Root,
        ["Gateway__Auth__Enabled"] = "false",
        ["Gateway__SettleTime"] = "00:00:00",
        ["Gateway__Shutdown__Delay"] = delay.ToString("c", CultureInfo.InvariantCulture),
        ["Gateway__Logging__Level"] = "Warning",
    });
}

/// <summary>What happened to pods and their clients.</summary>
public sealed record PodLivesResult
{
    /// <summary>Lives that ended.</summary>
    public int Lives { get; init; }

    /// <summary>Right answers that clients got, of whichever gateway.</summary>
    public long Answered { get; init; }

    /// <summary>Of these, those of the pods that came and went.</summary>
    public long AnsweredByPods { get; init; }

    /// <summary>Requests that the balancer, or a client, had to send a second time.</summary>
    public long SentAgain { get; init; }

    /// <summary>What clients saw other than right answers, and ends of a pod other than with exit code 0.</summary>
    public IReadOnlyCollection<string> Failures { get; init; } = [];
}
