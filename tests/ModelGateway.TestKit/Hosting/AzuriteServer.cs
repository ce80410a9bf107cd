using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// Azure Blob Storage as Microsoft's emulator has it, in a process of its own on a free loopback port, with its data in a temporary folder.
/// A fixture: xunit starts and ends it. The process ends with the test's, however that ends.
/// </summary>
public sealed class AzuriteServer : IAsyncLifetime
{
    /// <summary>The account that the emulator always has.</summary>
    public const string Account = "devstoreaccount1";

    /// <summary>Its key: not a secret, every emulator has this one.</summary>
    public const string AccountKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private const string Listens = "successfully listens on http://127.0.0.1:";

    // Ends with the test: its end of the pipe closes. Node would take the options for its own without the dashes in between.
    private const string Script = "process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGTERM')); process.argv.splice(1, 0, 'azurite-blob'); require(process.env.AZURITE_MAIN);";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string Main = Path.Combine(RepositoryRoot.Path, "artifacts", "tools", "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js");

    private readonly string _folder = Directory.CreateTempSubdirectory("azurite-").FullName;
    private readonly StringBuilder _output = new();
    private Process? _process;
    private int _port;

    /// <summary>Address of the account, without a slash at its end; the same after a restart.</summary>
    public string Endpoint => $"http://127.0.0.1:{_port}/{Account}";

    /// <summary>Signs in with the key.</summary>
    public string ConnectionString => $"DefaultEndpointsProtocol=http;AccountName={Account};AccountKey={AccountKey};BlobEndpoint={Endpoint};";

    /// <inheritdoc/>
    public Task InitializeAsync() => StartAsync();

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Starts it, on the same port and with the same data as before if it ran before.</summary>
    /// <exception cref="FileNotFoundException">It is not installed.</exception>
    public async Task StartAsync()
    {
        if (!File.Exists(Main))
        {
            throw new FileNotFoundException($"Azurite is not installed ('{Main}'): run tests/run.sh.");
        }

        var listens = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var start = new ProcessStartInfo("node",
        [
            "-e", Script, "--", "--blobHost", "127.0.0.1", "--blobPort", _port.ToString(CultureInfo.InvariantCulture),
            "--location", _folder, "--skipApiVersionCheck", "--disableTelemetry", "--silent",
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = _folder,
        };
        start.Environment["AZURITE_MAIN"] = Main;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Read(line.Data, listens);
        _process.ErrorDataReceived += (_, line) => Read(line.Data, listens);
        _process.Exited += (_, _) => listens.TrySetException(new InvalidOperationException("Azurite ended."));
        _process.EnableRaisingEvents = true;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        try
        {
            _port = await listens.Task.WaitAsync(Patience);
        }
        catch (Exception exception) when (exception is InvalidOperationException or TimeoutException)
        {
            throw new InvalidOperationException($"Azurite did not start. It wrote:{Environment.NewLine}{Output()}", exception);
        }
    }

    /// <summary>Stops it; the data stays.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _process, null) is not { } process)
        {
            return;
        }

        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private void Read(string? line, TaskCompletionSource<int> listens)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }

        if (line?.IndexOf(Listens, StringComparison.Ordinal) is { } at and >= 0)
        {
            listens.TrySetResult(int.Parse(line.AsSpan(at + Listens.Length), CultureInfo.InvariantCulture));
        }
    }

    private string Output()
    {
        lock (_output)
        {
            return _output.ToString();
        }
    }
}
