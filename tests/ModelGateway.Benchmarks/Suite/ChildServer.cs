using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>A server in a process of its own, killed with its children when disposed.</summary>
internal sealed class ChildServer : IAsyncDisposable
{
    private readonly Process _process;

    private ChildServer(Process process, Server server)
    {
        _process = process;
        Server = server;
    }

    /// <summary>This program.</summary>
    public static string Assembly { get; } = Path.Combine(AppContext.BaseDirectory, "ModelGateway.Benchmarks.dll");

    public Server Server { get; }

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="command">The program.</param>
    /// <param name="arguments">Its arguments, from the address it is to listen at.</param>
    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="allocations">See <see cref="Server"/>.</param>
    public static async Task<ChildServer> StartAsync(
        string command, Func<string, IEnumerable<string>> arguments, IEnumerable<(string Key, string Value)> environment, string? allocations = null)
    {
        string address = $"http://127.0.0.1:{FloorBenchmark.FreePort()}";
        Process process = StartProcess(command, arguments(address), environment);
        var child = new ChildServer(process, new Server(new Uri(address), process.Id, allocations));
        try
        {
            await child.WaitUntilListeningAsync();
            return child;
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a process that sends no usage data.</summary>
    /// <param name="command">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="talks">Its standard input and output are for this process.</param>
    public static Process StartProcess(string command, IEnumerable<string> arguments, IEnumerable<(string Key, string Value)> environment, bool talks = false)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardInput = talks, RedirectStandardOutput = talks };
        start.Environment[OrtLoop.TelemetryVariable] = "1";
        foreach ((string key, string value) in environment)
        {
            start.Environment[key] = value;
        }

        return Start(start);
    }

    /// <summary>Starts a program that may not be installed.</summary>
    /// <exception cref="InvalidOperationException">It is not; the message names it.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException($"{start.FileName} does not start: {exception.Message}. Debian has it in a package of that name (node in nodejs).", exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private async Task WaitUntilListeningAsync()
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromMinutes(1) && !_process.HasExited; await Task.Delay(20))
        {
            using var probe = new TcpClient();
            try
            {
                await probe.ConnectAsync(Server.Address.Host, Server.Address.Port);
                return;
            }
            catch (SocketException)
            {
                // Still starting.
            }
        }

        throw new TimeoutException($"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} does not listen.");
    }
}
