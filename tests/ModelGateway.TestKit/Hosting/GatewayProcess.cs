using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// The real gateway in a process of its own, as an operator starts it: for signals, exit codes, memory, threads and first starts.
/// It is killed when disposed, if it still runs.
/// </summary>
public sealed class GatewayProcess : IAsyncDisposable
{
    private const int FirstPort = 10_000;
    private const int EndOfPorts = 32_000;
    private static int _addresses;
    private readonly StringBuilder _output = new();
    private readonly Process _process;

    private readonly DirectoryInfo? _artifacts;

    private GatewayProcess(Process process, Uri address, DirectoryInfo? artifacts)
    {
        _process = process;
        _artifacts = artifacts;

        // A proxy of the environment may know 127.0.0.1 for local, and not the other loopback addresses.
        Client = new HttpClient(new HttpClientHandler { UseProxy = false }) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
    }

    /// <summary>A client whose base address is the gateway's.</summary>
    public HttpClient Client { get; }

    /// <summary>The process's id.</summary>
    public int Id => _process.Id;

    /// <summary>Everything it wrote so far, standard output and error together.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Starts the gateway on a free loopback port; does not wait until it answers.</summary>
    /// <param name="settings">
    /// Environment variables, for example <c>Gateway__Repository</c>; a null value removes one. Without <c>Gateway__ArtifactFolder</c> it gets
    /// a folder of its own, so that no test finds what another one fetched. With <c>ASPNETCORE_URLS</c>, one address, it listens there;
    /// <c>{port}</c> in a value stands for the port, for those who take it from another variable.
    /// </param>
    /// <param name="arguments">Command line arguments.</param>
    /// <param name="wrapper">A program in front, with its arguments, for example <c>strace -f</c>.</param>
    public static GatewayProcess Start(IReadOnlyDictionary<string, string?> settings, IEnumerable<string>? arguments = null, params string[] wrapper) =>
        StartIn(AppContext.BaseDirectory, settings, arguments, wrapper);

    /// <summary>The same with a gateway that stands in another folder, for example a published one.</summary>
    public static GatewayProcess StartIn(string folder, IReadOnlyDictionary<string, string?> settings, IEnumerable<string>? arguments = null, params string[] wrapper)
    {
        string address = (settings.GetValueOrDefault("ASPNETCORE_URLS") ?? "http://127.0.0.1:{port}").Replace("{port}", FreePort().ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        string port = new Uri(address).Port.ToString(CultureInfo.InvariantCulture);
        string[] command = [.. wrapper, "dotnet", Path.Combine(folder, "ModelGateway.dll"), .. arguments ?? []];
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = folder,
        };
        start.Environment["ASPNETCORE_URLS"] = address;
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        foreach ((string name, string? value) in settings)
        {
            if (value is null)
            {
                start.Environment.Remove(name);
            }
            else
            {
                start.Environment[name] = value.Replace("{port}", port, StringComparison.Ordinal);
            }
        }

        DirectoryInfo? artifacts = null;
        if (!settings.ContainsKey("Gateway__ArtifactFolder"))
        {
            artifacts = Directory.CreateTempSubdirectory("modelgateway-artifacts-");
            start.Environment["Gateway__ArtifactFolder"] = artifacts.FullName;
        }

        var gateway = new GatewayProcess(new Process { StartInfo = start }, new Uri(address), artifacts);
        gateway._process.OutputDataReceived += gateway.Collect;
        gateway._process.ErrorDataReceived += gateway.Collect;
        gateway._process.Start();
        gateway._process.BeginOutputReadLine();
        gateway._process.BeginErrorReadLine();
        return gateway;
    }

    /// <summary>Waits until <c>/health/ready</c> answers 200.</summary>
    /// <exception cref="TimeoutException">It does not within a minute, or the process ended; the message holds its output.</exception>
    public async Task WaitUntilReadyAsync()
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromMinutes(1) && !_process.HasExited; await Task.Delay(10))
        {
            try
            {
                using HttpResponseMessage response = await Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                if (response.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
        }

        throw new TimeoutException($"The gateway did not become ready. It wrote:{Environment.NewLine}{Output}");
    }

    /// <summary>Asks the process to stop, as an orchestrator does.</summary>
    public void Terminate() => Signals.Send(GatewayId(), Signals.Terminate);

    /// <summary>Ends the process at once, as a crash does: its connections break.</summary>
    public Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        return _process.WaitForExitAsync();
    }

    /// <summary>Waits for the end and returns the exit code; everything written is then in <see cref="Output"/>.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan patience)
    {
        using var deadline = new CancellationTokenSource(patience);
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    /// <summary>Resident memory in bytes; Linux only.</summary>
    public long ResidentBytes() => ReadStatus("VmRSS:") * 1024;

    /// <summary>Processor time used so far, user and system.</summary>
    public TimeSpan ProcessorTime()
    {
        _process.Refresh();
        return _process.TotalProcessorTime;
    }

    /// <summary>Threads of the process; Linux only.</summary>
    public long Threads() => ReadStatus("Threads:");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        Client.Dispose();
        _artifacts?.Delete(recursive: true);
    }

    /// <summary>
    /// A loopback port that nobody listens on, below those that the kernel gives to outgoing connections and to whoever asks for any: one of those
    /// may be taken again before the gateway listens, and then a stranger would answer for it.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(FirstPort, EndOfPorts);
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody listens there.
            }
        }
    }

    /// <summary>
    /// An address that stays the caller's also while nobody listens there: a loopback address that belongs to this process, with a port that it has
    /// not had before. On 127.0.0.1 another test may take a port before a gateway listens there, or between two that do, and whoever asks then finds a stranger.
    /// </summary>
    public static Uri NewAddress()
    {
        // 127.64.0.0 to 127.127.255.255: as many as there are process ids at the most, which is 2^22.
        int id = Environment.ProcessId;
        int port = FirstPort + ((Interlocked.Increment(ref _addresses) - 1) % (EndOfPorts - FirstPort));
        return new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.{64 + (id >> 16)}.{(id >> 8) & 255}.{id & 255}:{port}"));
    }

    // Behind a wrapper the gateway is the wrapper's child.
    private int GatewayId()
    {
        string children = File.Exists($"/proc/{_process.Id}/task/{_process.Id}/children") ? File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children") : "";
        string[] ids = children.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return _process.StartInfo.FileName == "dotnet" || ids.Length == 0 ? _process.Id : int.Parse(ids[0], CultureInfo.InvariantCulture);
    }

    private long ReadStatus(string key)
    {
        string line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(key, StringComparison.Ordinal));
        return long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private void Collect(object sender, DataReceivedEventArgs line)
    {
        lock (_output)
        {
            _output.AppendLine(line.Data);
        }
    }
}
