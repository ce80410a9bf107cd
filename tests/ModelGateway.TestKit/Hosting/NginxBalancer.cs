using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ModelGateway.TestKit.Hosting;

/// <summary>nginx in front of several gateways, with the configuration that the repository offers for it. One caller at a time.</summary>
public sealed partial class NginxBalancer : IAsyncDisposable
{
    private const string Example = "deploy/nginx/modelgateway.conf";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly BalancerProcess _process;
    private readonly int _port;

    private NginxBalancer(BalancerProcess process, int port) => (_process, _port) = (process, port);

    /// <summary>Where clients find it, with a slash at the end.</summary>
    public Uri Address => new($"http://127.0.0.1:{_port}/");

    /// <summary>What it wrote to its error log.</summary>
    public string Output => _process.Output;

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="replicas">Addresses of the gateways, which need not run.</param>
    public static async Task<NginxBalancer> StartAsync(params Uri[] replicas)
    {
        string folder = Directory.CreateTempSubdirectory("nginx-balancer-").FullName;
        int port = GatewayProcess.FreePort();
        await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), Main(folder));
        await WriteAsync(folder, port, replicas);
        return new NginxBalancer(await BalancerProcess.StartAsync("nginx", folder, port, "-p", folder, "-c", Path.Combine(folder, "nginx.conf"), "-e", "stderr"), port);
    }

    /// <summary>Changes the list of replicas while it runs, as an operator does: the file, then a reload. Returns when workers with the new list run.</summary>
    /// <exception cref="TimeoutException">They do not within a minute.</exception>
    public async Task SetReplicasAsync(params Uri[] replicas)
    {
        HashSet<int> before = Workers();
        await WriteAsync(_process.Folder, _port, replicas);
        Signals.Send(_process.Id, Signals.HangUp);
        for (var waited = Stopwatch.StartNew(); Workers().IsSubsetOf(before); await Task.Delay(10))
        {
            if (waited.Elapsed > Patience)
            {
                throw new TimeoutException($"nginx did not take the new list. It wrote:{Environment.NewLine}{Output}");
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private static Task WriteAsync(string folder, int port, Uri[] replicas) => File.WriteAllTextAsync(
        Path.Combine(folder, "modelgateway.conf"),
        BalancerFile.Read(
            Example, Server(), (_, replica, match) => $"  server {replica.Authority}{match.Groups[1].Value};", replicas,
            ("listen 80;", $"listen 127.0.0.1:{port};")));

    // What the distribution's own nginx.conf does around conf.d. The temporary folder is its owner's alone, so workers stay the one who starts them.
    private static string Main(string folder) => $$"""
        user root;
        daemon off;
        worker_processes 1;
        pid {{folder}}/nginx.pid;
        error_log stderr warn;
        events { worker_connections 1024; }
        http {
          access_log off;
          client_body_temp_path {{folder}}/temp-body;
          proxy_temp_path {{folder}}/temp-proxy;
          fastcgi_temp_path {{folder}}/temp-fastcgi;
          uwsgi_temp_path {{folder}}/temp-uwsgi;
          scgi_temp_path {{folder}}/temp-scgi;
          include {{folder}}/modelgateway.conf;
        }
        """;

    private HashSet<int> Workers() => File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children")
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(id => int.Parse(id, CultureInfo.InvariantCulture))
        .ToHashSet();

    [GeneratedRegex(@"^  server gateway-\d:8080( .*);$")]
    private static partial Regex Server();
}
