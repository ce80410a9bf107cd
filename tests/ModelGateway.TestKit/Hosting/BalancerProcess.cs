using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.TestKit.Hosting;

/// <summary>A load balancer's process in the foreground and the folder that it runs in; both are gone when disposed.</summary>
internal sealed class BalancerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly StringBuilder _output = new();
    private readonly Process _process;

    private BalancerProcess(string folder, ProcessStartInfo start)
    {
        Folder = folder;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += Collect;
        _process.ErrorDataReceived += Collect;
    }

    public string Folder { get; }

    public int Id => _process.Id;

    /// <summary>Everything it wrote so far.</summary>
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

    /// <summary>Starts a program of Debian's and waits until it listens.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="folder">Its folder, which it owns from now on.</param>
    /// <param name="port">The loopback port that it will listen on.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="InvalidOperationException">It is not installed, or does not start; the message holds what it wrote.</exception>
    public static async Task<BalancerProcess> StartAsync(string program, string folder, int port, params string[] arguments)
    {
        // Debian keeps it where only root's path looks.
        string path = Path.Combine("/usr/sbin", program);
        var balancer = new BalancerProcess(folder, new ProcessStartInfo(File.Exists(path) ? path : program, arguments));
        try
        {
            balancer._process.Start();
        }
        catch (Win32Exception exception)
        {
            Directory.Delete(folder, recursive: true);
            throw new InvalidOperationException($"{program} is not installed; run tests/run.sh, which installs what the tests need.", exception);
        }

        balancer._process.BeginOutputReadLine();
        balancer._process.BeginErrorReadLine();
        if (!await balancer.ListensAsync(port))
        {
            string output = balancer.Output;
            await balancer.DisposeAsync();
            throw new InvalidOperationException($"{program} does not start: {output}");
        }

        return balancer;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            // Not killed: it ends its own children then.
            Signals.Send(_process.Id, Signals.Terminate);
            using var patience = new CancellationTokenSource(Patience);
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task<bool> ListensAsync(int port)
    {
        for (var waited = Stopwatch.StartNew(); !_process.HasExited && waited.Elapsed < Patience; await Task.Delay(10))
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return true;
            }
            catch (SocketException)
            {
                // Not yet.
            }
        }

        return false;
    }

    private void Collect(object sender, DataReceivedEventArgs line)
    {
        lock (_output)
        {
            _output.AppendLine(line.Data);
        }
    }
}
