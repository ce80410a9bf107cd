namespace ModelGateway.TestKit.Hosting;

/// <summary>Three Redis servers that share the slots of one cluster; no replicas.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private RedisCluster(IReadOnlyList<RedisServer> nodes) => Nodes = nodes;

    /// <summary>Its servers.</summary>
    public IReadOnlyList<RedisServer> Nodes { get; }

    /// <summary>Starts one and waits until each node serves.</summary>
    /// <param name="directives">More lines for the configuration of each node.</param>
    public static async Task<RedisCluster> StartAsync(params string[] directives)
    {
        var cluster = new RedisCluster(await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RedisServer.StartAsync(
            ["cluster-enabled yes", $"cluster-port {NginxServer.FreePort()}", "cluster-config-file nodes.conf", "cluster-node-timeout 2000", .. directives]))));
        try
        {
            await RedisServer.RunClientAsync(["--cluster", "create", .. cluster.Nodes.Select(node => node.Address), "--cluster-yes"]);
            using var deadline = new CancellationTokenSource(Patience);
            foreach (RedisServer node in cluster.Nodes)
            {
                while (!(await node.RunAsync("CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal))
                {
                    await Task.Delay(20, deadline.Token);
                }
            }
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }

        return cluster;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (RedisServer node in Nodes)
        {
            await node.DisposeAsync();
        }
    }
}
