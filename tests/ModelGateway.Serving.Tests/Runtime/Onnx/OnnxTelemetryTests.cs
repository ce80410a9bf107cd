using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using ModelGateway.Serving.Tests.Children;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>
/// ONNX Runtime on Linux collects usage data in a database below the home folder and sends it, unless its environment forbids that
/// before its first call. Watched from outside: what a process that was started without that variable opens and whom it talks to.
/// </summary>
public sealed partial class OnnxTelemetryTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("telemetry-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Runtime_StartedWithoutTheVariable_OpensNoDatabaseAndAsksNobody()
    {
        string[] calls = await TraceAsync(TimeSpan.FromSeconds(3));

        // The trace is worth something: it shows the model being opened by the process that ran it.
        Assert.Contains(calls, call => call.Contains("model.onnx", StringComparison.Ordinal));
        Assert.DoesNotContain(calls, call => call.Contains("onnxruntime.db", StringComparison.Ordinal) || call.Contains("DeveloperTools", StringComparison.Ordinal));
        Assert.DoesNotContain(calls, call => call.Contains("deviceid", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(calls, IsToTheOutside);
        Assert.Empty(Directory.EnumerateFiles(Home, "*onnx*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("connect(7, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"10.0.0.2\")}, 16) = 0", true)]
    [InlineData("connect(7, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, \"2603:1030::1\", &sin6_addr)}, 28) = 0", true)]
    [InlineData("sendto(7, \"\\1\\0mobile\\6events\", 47, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"8.8.8.8\")}, 16) = 47", true)]
    [InlineData("connect(7, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0", false)]
    [InlineData("connect(7, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, \"::1\", &sin6_addr)}, 28) = 0", false)]
    [InlineData("connect(7, {sa_family=AF_UNIX, sun_path=\"/tmp/dotnet-diagnostic\"}, 110) = 0", false)]
    [InlineData("openat(AT_FDCWD, \"/etc/resolv.conf\", O_RDONLY|O_CLOEXEC) = 7", true)]
    [InlineData("openat(AT_FDCWD, \"model.onnx\", O_RDONLY) = 7", false)]
    public void IsToTheOutside_LinesOfATrace_AreTold(string line, bool outside)
    {
        Assert.Equal(outside, IsToTheOutside(line));
    }

    private string Home => Path.Combine(_folder.FullName, "home");

    private async Task<string[]> TraceAsync(TimeSpan duration)
    {
        string model = _folder.CreateSubdirectory("model").FullName;
        string trace = Path.Combine(_folder.FullName, "trace");
        Directory.CreateDirectory(Home);
        await File.WriteAllBytesAsync(Path.Combine(model, "model.onnx"), TestModels.AddConstant(1));
        var environment = new Dictionary<string, string?>
        {
            ["ORT_DISABLE_TELEMETRY"] = null,
            ["HOME"] = Home,
            ["XDG_CACHE_HOME"] = null,
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        };

        string output = await ChildProcess.RunAsync(
            [Program.RunModel, model, duration.TotalSeconds.ToString(CultureInfo.InvariantCulture)], environment,
            "strace", "-f", "-qq", "-e", "trace=openat,open,connect,sendto,sendmsg,sendmmsg,socket", "-s", "256", "-o", trace);

        Assert.Matches("^[1-9][0-9]* runs", output);
        return await File.ReadAllLinesAsync(trace);
    }

    // Whoever looks up a name reads resolv.conf first.
    private static bool IsToTheOutside(string line) =>
        line.Contains("/etc/resolv.conf", StringComparison.Ordinal)
        || Address().Matches(line).Any(match => !IPAddress.IsLoopback(IPAddress.Parse(match.Groups[1].Value)));

    [GeneratedRegex("""(?:inet_addr\(|AF_INET6, )"([^"]+)"\)?""")]
    private static partial Regex Address();
}
