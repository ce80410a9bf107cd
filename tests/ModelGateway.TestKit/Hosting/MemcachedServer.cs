using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace ModelGateway.TestKit.Hosting;

/// <summary>Memcached in a process of its own, on a free loopback port; ended, paused or not, when disposed.</summary>
public sealed class MemcachedServer : IAsyncDisposable
{
    private const int MostStarts = 5;
    private readonly string[] _arguments;
    private Process? _process;

    private MemcachedServer(string[] arguments) => _arguments = arguments;

    /// <summary>The port; it stays over a restart.</summary>
    public int Port { get; private set; }

    /// <summary>For the setting <c>Servers</c>.</summary>
    public string Address => $"127.0.0.1:{Port}";

    /// <summary>Starts it, empty, and returns when it takes connections.</summary>
    /// <param name="arguments">More arguments, for example <c>-m 1</c> (megabytes in all), <c>-I 2m</c> (the largest item), <c>-Y file</c> (users).</param>
    public static async Task<MemcachedServer> StartAsync(params string[] arguments)
    {
        var server = new MemcachedServer(arguments);
        for (int attempt = 1; ; attempt++)
        {
            // Another process may take the port between the probe and the start: then the next one is tried.
            server.Port = NginxServer.FreePort();
            try
            {
                await server.RestartAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < MostStarts)
            {
            }
        }
    }

    /// <summary>It answers nothing from now on; its connections stay open, and its kernel takes new ones.</summary>
    public void Pause() => Signals.Pause(_process!.Id);

    /// <summary>It goes on after <see cref="Pause"/>.</summary>
    public void Resume() => Assert.True(Signals.Send(_process!.Id, Signals.Continue));

    /// <summary>Ends it without a goodbye: connections break, and new ones are refused.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    /// <summary>Starts it again, empty, on the same port after <see cref="KillAsync"/>.</summary>
    public async Task RestartAsync()
    {
        // As root it wants to be told as whom it shall run.
        string[] arguments = ["-l", "127.0.0.1", "-p", $"{Port}", "-U", "0", "-u", Environment.UserName, .. _arguments];
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("memcached", arguments) { RedirectStandardError = true })!;
        }
        catch (Win32Exception exception)
        {
            throw new FileNotFoundException("memcached is not installed; run tests/run.sh, which installs what the tests need.", exception);
        }

        var output = new StringBuilder();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (output)
            {
                output.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
        if (!await ListensAsync(process, Port))
        {
            await process.WaitForExitAsync();
            process.Dispose();
            throw new InvalidOperationException($"memcached does not start: {output}");
        }

        _process = process;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await KillAsync();

    private static async Task<bool> ListensAsync(Process process, int port)
    {
        while (!process.HasExited)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return !process.HasExited;
            }
            catch (SocketException)
            {
                await Task.Delay(10);
            }
        }

        return false;
    }
}
