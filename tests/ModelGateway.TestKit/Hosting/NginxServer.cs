using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.TestKit.Hosting;

/// <summary>nginx over a temporary folder, on a free loopback port, with nothing of the machine's own configuration; ended and gone when disposed.</summary>
public sealed class NginxServer : IAsyncDisposable
{
    private const int MostStarts = 5;
    private readonly string _base;
    private readonly Process _process;

    private NginxServer(string folder, Process process, Uri address)
    {
        _base = folder;
        _process = process;
        Address = address;
    }

    /// <summary>Its root, with a slash at the end.</summary>
    public Uri Address { get; }

    /// <summary>The folder that it serves.</summary>
    public string Root => Path.Combine(_base, "www");

    /// <summary>Starts it and waits until it listens.</summary>
    /// <param name="directives">More lines for its <c>server</c> block; <c>{base}</c> in them is the folder above <see cref="Root"/>.</param>
    /// <param name="files">Files beside <see cref="Root"/> that the lines name.</param>
    public static async Task<NginxServer> StartAsync(string directives = "", params (string Name, string Content)[] files)
    {
        string folder = Directory.CreateTempSubdirectory("nginx-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "www"));
        foreach ((string name, string content) in files)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, name), content);
        }

        // Another process may take the port between the probe and nginx: then the next one is tried.
        var output = new StringBuilder();
        for (int attempt = 0; attempt < MostStarts; attempt++)
        {
            int port = FreePort();
            await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), Configuration(folder, port, directives));
            Process process = Start(folder, output);
            if (await ListensAsync(process, port))
            {
                return new NginxServer(folder, process, new Uri($"http://127.0.0.1:{port}/"));
            }

            process.Dispose();
        }

        Directory.Delete(folder, recursive: true);
        throw new InvalidOperationException($"nginx does not start: {output}");
    }

    /// <summary>Where a file below <see cref="Root"/> is served.</summary>
    public Uri AddressOf(string file) => new(Address, Path.GetRelativePath(Root, file).Replace(Path.DirectorySeparatorChar, '/'));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        Directory.Delete(_base, recursive: true);
    }

    /// <summary>A port that nobody listens on just now.</summary>
    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    // One process in the foreground, run by whoever runs the tests.
    private static string Configuration(string folder, int port, string directives) => $$"""
        daemon off;
        master_process off;
        pid {{folder}}/nginx.pid;
        error_log stderr warn;
        events { worker_connections 256; }
        http {
          access_log off;
          default_type application/octet-stream;
          client_body_temp_path {{folder}}/temp-body;
          proxy_temp_path {{folder}}/temp-proxy;
          fastcgi_temp_path {{folder}}/temp-fastcgi;
          uwsgi_temp_path {{folder}}/temp-uwsgi;
          scgi_temp_path {{folder}}/temp-scgi;
          server {
            listen 127.0.0.1:{{port}};
            root {{folder}}/www;
            {{directives.Replace("{base}", folder, StringComparison.Ordinal)}}
          }
        }
        """;

    private static Process Start(string folder, StringBuilder output)
    {
        // Debian keeps it where only root's path looks.
        string program = File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, ["-p", folder, "-c", Path.Combine(folder, "nginx.conf"), "-e", "stderr"]) { RedirectStandardError = true, UseShellExecute = false },
        };
        process.ErrorDataReceived += (_, line) =>
        {
            lock (output)
            {
                output.AppendLine(line.Data);
            }
        };
        try
        {
            process.Start();
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException("nginx is not installed; run tests/run.sh, which installs what the tests need.", exception);
        }

        process.BeginErrorReadLine();
        return process;
    }

    private static async Task<bool> ListensAsync(Process process, int port)
    {
        while (!process.HasExited)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);

                // Whoever listens: is it the one that was started? nginx gives up where the port is taken, after some attempts.
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
