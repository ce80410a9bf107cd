using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.Tests.Samples;
using Xunit;

namespace ModelGateway.Tests.Docs;

/// <summary>
/// An example that a page gives its readers to run. Bash runs its commands as they stand, in a folder that looks like the root of the source
/// tree. In the place of programs of other makers that are not here, and of the gateway, stand functions that note what they are given; the gateway
/// is then started with those settings and no others.
/// </summary>
internal sealed partial class DocumentedExample : IAsyncLifetime
{
    private const string DocumentedAddress = "http://localhost:8080";

    // What the commands set is exported, so that a block of settings alone can be read too.
    private const string Prelude = """
        note() { (IFS=$'\t'; printf '%s\n' "$*") >> "$EXAMPLE_RECORD/calls"; }
        aws() { note aws "$@"; }
        az() { note az "$@"; }
        gcloud() { note gcloud "$@"; }
        npx() { note npx "$@"; }
        dotnet() {
          case "$*" in
            'run --project src/ModelGateway') env -0 > "$EXAMPLE_RECORD/settings" ;;
            'run --project src/ModelGateway.Cli -- '*) command dotnet "$EXAMPLE_TOOL" "${@:5}" ;;
            *) echo "Not known here: dotnet $*" >&2; return 1 ;;
          esac
        }
        set -euo pipefail -o allexport

        """;

    private const string Epilogue = """

        wait
        [[ -e "$EXAMPLE_RECORD/settings" ]] || env -0 > "$EXAMPLE_RECORD/settings"
        """;

    // The tool cannot stand in one folder with the gateway: their names differ in case alone.
    private static readonly string Tool = Path.Combine(
        RepositoryRoot.Path, "src", "ModelGateway.Cli", Path.GetRelativePath(Path.Combine(RepositoryRoot.Path, "tests", "ModelGateway.Tests"), AppContext.BaseDirectory), "modelgateway.dll");

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly string[] OfBash = ["_", "SHLVL", "PWD", "OLDPWD", "EXAMPLE_RECORD", "EXAMPLE_TOOL"];

    private readonly DirectoryInfo _record = Directory.CreateTempSubdirectory("example-record-");
    private readonly Dictionary<string, string?> _settings = [];
    private GatewayProcess? _gateway;

    public DocumentedExample() => Directory.CreateSymbolicLink(PathOf("docs"), Path.Combine(RepositoryRoot.Path, "docs"));

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Where the commands run.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("example-").FullName;

    /// <summary>The environment variables that the commands give to the gateway.</summary>
    public IReadOnlyDictionary<string, string?> Settings => _settings;

    /// <summary>The calls of programs that are not here, each with its arguments, in their order.</summary>
    public IReadOnlyList<string[]> Calls =>
        File.Exists(Path.Combine(_record.FullName, "calls")) ? [.. File.ReadLines(Path.Combine(_record.FullName, "calls")).Select(line => line.Split('\t'))] : [];

    /// <summary>The full path of something in <see cref="Folder"/>.</summary>
    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>All files below a folder that the example names, with their names below it.</summary>
    public IEnumerable<(string Name, byte[] Content)> Files(string folder) =>
        Directory.EnumerateFiles(PathOf(folder), "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(PathOf(folder), file), File.ReadAllBytes(file)));

    /// <summary>Runs commands and takes the settings that they make.</summary>
    public async Task RunAsync(string commands)
    {
        await ScriptAsync("bash", [Prelude + commands + Epilogue], ("EXAMPLE_RECORD", _record.FullName), ("EXAMPLE_TOOL", Tool));
        foreach (string variable in (await File.ReadAllTextAsync(Path.Combine(_record.FullName, "settings"))).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = variable.Split('=', 2);
            if (!OfBash.Contains(parts[0]) && !parts[0].StartsWith("BASH_FUNC_", StringComparison.Ordinal) && Environment.GetEnvironmentVariable(parts[0]) != parts[1])
            {
                _settings[parts[0]] = parts[1];
            }
        }
    }

    /// <summary>Runs a Python script with the interpreter that has Debian's packages; the settings stay as they are.</summary>
    /// <returns>What it writes.</returns>
    public Task<string> RunPythonAsync(string script, params string[] arguments) => ScriptAsync("/usr/bin/python3", [script, .. arguments]);

    /// <summary>Puts what is here in the place of an address or a path that can only be on the reader's machine.</summary>
    public void Replace(string documented, string here)
    {
        string[] names = [.. _settings.Where(setting => setting.Value!.Contains(documented, StringComparison.Ordinal)).Select(setting => setting.Key)];
        Assert.True(names.Length > 0, $"None of the example's settings has '{documented}' in it: {string.Join(", ", _settings)}");
        foreach (string name in names)
        {
            _settings[name] = _settings[name]!.Replace(documented, here, StringComparison.Ordinal);
        }
    }

    /// <summary>Starts the gateway as <c>dotnet run</c> does, in Development, and waits until it is ready.</summary>
    /// <param name="surroundings">What the example takes for granted: where the store is, and credentials that the reader has.</param>
    public async Task StartAsync(params (string Name, string Value)[] surroundings)
    {
        var all = new Dictionary<string, string?>(_settings) { ["ASPNETCORE_ENVIRONMENT"] = "Development" };
        foreach ((string name, string value) in surroundings)
        {
            all.Add(name, value);
        }

        _gateway = GatewayProcess.Start(all);
        await _gateway.WaitUntilReadyAsync();
    }

    /// <summary>Runs a command that asks for a prediction of a sample, as soon as that answers, and compares the answer with the one beside the sample.</summary>
    public async Task AssertAnswersAsync(string command)
    {
        string model = Predicted().Match(command).Groups[1].Value;
        Assert.Contains(DocumentedAddress, command, StringComparison.Ordinal);
        string token = await WaitForTokenAsync();
        await WaitUntilAnswersAsync(model, token);
        string here = command.Replace(DocumentedAddress, _gateway!.Client.BaseAddress!.AbsoluteUri.TrimEnd('/'), StringComparison.Ordinal);
        string answer = await ScriptAsync("bash", [here], ("TOKEN", token));
        SampleAnswer.AssertIs(model, answer);
    }

    public async Task DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        _record.Delete(recursive: true);
        Directory.Delete(Folder, recursive: true);
    }

    private async Task<string> WaitForTokenAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!Token().IsMatch(_gateway!.Output))
        {
            await Task.Delay(10, patience.Token);
        }

        return Token().Match(_gateway.Output).Value.Trim();
    }

    private async Task WaitUntilAnswersAsync(string model, string token)
    {
        _gateway!.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            using HttpResponseMessage ready = await _gateway.Client.GetAsync(new Uri($"/v2/models/{model}/ready", UriKind.Relative), CancellationToken.None);
            if (ready.StatusCode == HttpStatusCode.OK)
            {
                return;
            }

            Assert.False(patience.IsCancellationRequested, $"The model '{model}' does not become ready. The gateway wrote:{Environment.NewLine}{_gateway.Output}");
            await Task.Delay(10, CancellationToken.None);
        }
    }

    // Bash and Python both take a script so, with its arguments behind it.
    private async Task<string> ScriptAsync(string program, string[] script, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(program, ["-c", .. script]) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using System.Diagnostics.Process process = System.Diagnostics.Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"The example's commands fail: {await errors}{output}");
        return output;
    }

    [GeneratedRegex(@"^eyJ[\w-]+\.[\w-]+\.[\w-]+\s*$", RegexOptions.Multiline)]
    private static partial Regex Token();

    [GeneratedRegex(@"/predict/([\w.-]+)")]
    private static partial Regex Predicted();
}
