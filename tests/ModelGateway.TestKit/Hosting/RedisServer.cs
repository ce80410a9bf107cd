using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// redis-server in a process of its own on a free loopback port, with nothing of the machine's own configuration; it keeps nothing on disk, so each
/// start is an empty one. It is killed when disposed. Not safe for several threads at once.
/// </summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const int MostStarts = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("redis-");
    private readonly string[] _directives;
    private Process? _process;

    private RedisServer(string[] directives) => _directives = directives;

    /// <summary>Where it listens, the same after a restart.</summary>
    public int Port { get; private set; }

    /// <summary>Host and port.</summary>
    public string Address => $"127.0.0.1:{Port}";

    /// <summary>Starts one and waits until it takes commands.</summary>
    /// <param name="directives">More lines for its configuration; <c>{folder}</c> in them is a folder of its own, <c>{port}</c> its port, which
    /// <c>port 0</c> takes away from plain connections.</param>
    public static Task<RedisServer> StartAsync(params string[] directives) => StartAsync([], directives);

    /// <summary>Starts one with files in its folder, which the lines name.</summary>
    public static async Task<RedisServer> StartAsync((string Name, string Content)[] files, params string[] directives)
    {
        var server = new RedisServer(directives);
        foreach ((string name, string content) in files)
        {
            await File.WriteAllTextAsync(Path.Combine(server._folder.FullName, name), content);
        }

        // Another process may take the port between the probe and the start: then the next one is tried.
        string? output = "";
        for (int attempt = 0; attempt < MostStarts && output is not null; attempt++)
        {
            server.Port = NginxServer.FreePort();
            output = await server.TryStartAsync();
        }

        return output is null ? server : throw new InvalidOperationException($"redis-server does not start: {output}");
    }

    /// <summary>Starts it again after <see cref="KillAsync"/>, empty and on the same port.</summary>
    public async Task RestartAsync()
    {
        Assert.Null(_process);
        if (await TryStartAsync() is { } output)
        {
            throw new InvalidOperationException($"redis-server does not start: {output}");
        }
    }

    /// <summary>Ends it at once, paused or not.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Lets it answer nothing more, while its connections stay open.</summary>
    public void Pause()
    {
        Assert.NotNull(_process);
        Signals.Pause(_process.Id);
    }

    /// <summary>Lets it go on.</summary>
    public void Resume() => Signal(Signals.Continue);

    /// <summary>What redis-cli answers to a command, for example <c>DBSIZE</c>.</summary>
    public Task<string> RunAsync(params string[] command) => RunClientAsync(["-p", Port.ToString(CultureInfo.InvariantCulture), .. command]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>What redis-cli answers.</summary>
    /// <exception cref="InvalidOperationException">It fails; the message holds its answer.</exception>
    internal static async Task<string> RunClientAsync(params string[] arguments)
    {
        using Process client = Start(new ProcessStartInfo("redis-cli", arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
        Task<string> error = client.StandardError.ReadToEndAsync();
        string answer = await client.StandardOutput.ReadToEndAsync();
        await client.WaitForExitAsync();
        return client.ExitCode == 0 ? answer.Trim() : throw new InvalidOperationException($"redis-cli {string.Join(' ', arguments)}: {answer}{await error}");
    }

    private static Process Start(ProcessStartInfo start)
    {
        start.UseShellExecute = false;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException($"{start.FileName} is not installed; run tests/run.sh, which installs what the tests need.", exception);
        }
    }

    // Null, or what it wrote.
    private async Task<string?> TryStartAsync()
    {
        string configuration = Path.Combine(_folder.FullName, "redis.conf");
        IEnumerable<string> lines = _directives.Select(line => line
            .Replace("{folder}", _folder.FullName, StringComparison.Ordinal)
            .Replace("{port}", Port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
        await File.WriteAllLinesAsync(configuration, [$"port {Port}", "bind 127.0.0.1", "save \"\"", "appendonly no", $"dir {_folder.FullName}", .. lines]);
        string[] mode = _directives.Any(line => line.StartsWith("sentinel ", StringComparison.Ordinal)) ? ["--sentinel"] : [];
        _process = Start(new ProcessStartInfo("redis-server", [configuration, .. mode]) { RedirectStandardOutput = true });

        // It says so after it listens; a sentinel says what it is.
        var output = new StringBuilder();
        using var deadline = new CancellationTokenSource(Patience);
        while (await _process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            output.AppendLine(line);
            if (line.Contains("Ready to accept connections", StringComparison.Ordinal) || line.Contains("Sentinel ID is", StringComparison.Ordinal))
            {
                // The rest is read so that it never waits for a reader.
                _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
                return null;
            }
        }

        await KillAsync();
        return output.ToString();
    }

    private void Signal(int signal)
    {
        Assert.NotNull(_process);
        Assert.True(Signals.Send(_process.Id, signal));
    }
}
