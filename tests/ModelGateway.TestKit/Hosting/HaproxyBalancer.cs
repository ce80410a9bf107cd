using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace ModelGateway.TestKit.Hosting;

/// <summary>HAProxy in front of several gateways, with the configuration that the repository offers for it.</summary>
public sealed partial class HaproxyBalancer : IAsyncDisposable
{
    private const string Example = "deploy/haproxy/haproxy.cfg";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly BalancerProcess _process;
    private readonly int _port;

    private HaproxyBalancer(BalancerProcess process, int port) => (_process, _port) = (process, port);

    /// <summary>Where clients find it, with a slash at the end.</summary>
    public Uri Address => new($"http://127.0.0.1:{_port}/");

    /// <summary>What it wrote.</summary>
    public string Output => _process.Output;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="replicas">Addresses of the gateways, which need not run.</param>
    public static async Task<HaproxyBalancer> StartAsync(params Uri[] replicas)
    {
        string folder = Directory.CreateTempSubdirectory("haproxy-").FullName;
        int port = GatewayProcess.FreePort();
        string file = Path.Combine(folder, "haproxy.cfg");
        await File.WriteAllTextAsync(file, BalancerFile.Read(
            Example, Server(), (number, replica, _) => $"  server gateway-{number} {replica.Authority}", replicas,
            ("bind :80", $"bind 127.0.0.1:{port}"), ("/run/haproxy/modelgateway.sock", Socket(folder))));
        var balancer = new HaproxyBalancer(await BalancerProcess.StartAsync("haproxy", folder, port, "-db", "-f", file), port);
        try
        {
            // It gives the socket its name last.
            for (var waited = Stopwatch.StartNew(); !File.Exists(Socket(folder)); await Task.Delay(10))
            {
                if (waited.Elapsed > Patience)
                {
                    throw new TimeoutException($"HAProxy does not offer its socket. It wrote:{Environment.NewLine}{balancer.Output}");
                }
            }

            return balancer;
        }
        catch
        {
            await balancer.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until it takes a replica for ready, or for not ready.</summary>
    /// <exception cref="TimeoutException">It does not within a minute.</exception>
    public async Task WaitUntilAsync(int replica, bool isUp)
    {
        for (var waited = Stopwatch.StartNew(); (await CountersAsync(replica)).IsUp != isUp; await Task.Delay(20))
        {
            if (waited.Elapsed > Patience)
            {
                throw new TimeoutException($"HAProxy does not find replica {replica} {(isUp ? "ready" : "not ready")}. It wrote:{Environment.NewLine}{Output}");
            }
        }
    }

    /// <summary>What it counted for a replica since it was started.</summary>
    public async Task<BalancerCounters> CountersAsync(int replica)
    {
        string[] lines = (await AskAsync("show stat")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        List<string> names = [.. lines[0].TrimStart('#', ' ').Split(',')];
        string[][] rows = [.. lines.Select(line => line.Split(',')).Where(values => values[1] == $"gateway-{replica}")];
        return new BalancerCounters(
            rows.Single(values => values[0] == "gateways")[names.IndexOf("status")].StartsWith("UP", StringComparison.Ordinal), Sum("hrsp_2xx"), Sum("wretr") + Sum("wredis"));

        // Of both lists: that of the replicas that are ready, and that of all.
        long Sum(string name) => rows.Sum(values => values[names.IndexOf(name)] is { Length: > 0 } value ? long.Parse(value, CultureInfo.InvariantCulture) : 0);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static string Socket(string folder) => Path.Combine(folder, "admin.sock");

    private async Task<string> AskAsync(string command)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket(_process.Folder)));
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync();
    }

    [GeneratedRegex(@"^  server gateway-\d gateway-\d:8080$")]
    private static partial Regex Server();
}

/// <summary>Of one replica behind a balancer.</summary>
/// <param name="IsUp">Whether it gets requests.</param>
/// <param name="Answered">Answers with a status of 200 to 299.</param>
/// <param name="SentAgain">Requests that had to be sent again, to it or from it to another.</param>
public sealed record BalancerCounters(bool IsUp, long Answered, long SentAgain);
