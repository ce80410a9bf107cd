using System.Globalization;
using ModelGateway.Deploy.Tests.Kubernetes;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Hosts;

/// <summary>The unit for machines without containers.</summary>
public sealed class SystemdUnitTests
{
    private const string Program = "/opt/modelgateway/ModelGateway";
    private static readonly string Unit = CheckedInFile.Read("deploy/systemd/modelgateway.service");

    [Fact]
    public async Task Unit_IsOneThatSystemdTakes()
    {
        Assert.Equal("", await VerifyAsync(Unit));
        Assert.Contains("ProtectSystme", await VerifyAsync(Unit.Replace("ProtectSystem", "ProtectSystme", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Environment_NamesSettingsThatThereAre() =>
        Assert.All(Environment().Keys.Where(name => name.StartsWith("Gateway__", StringComparison.Ordinal)), name => GatewaySettings.AssertExists(name, "modelgateway.service"));

    [Fact]
    public void Stop_HasTheTimeThatRequestsNeed()
    {
        ManifestRules.CheckStop(Environment(), TimeSpan.FromSeconds(int.Parse(Assert.Single(Values("TimeoutStopSec")), CultureInfo.InvariantCulture)));
        ManifestRules.CheckDelay(Environment());
    }

    [Fact]
    public void StateFolder_IsWhereTheGatewayWrites()
    {
        Assert.Equal("strict", Assert.Single(Values("ProtectSystem")));
        string[] writable = [.. Assert.Single(Values("StateDirectory")).Split(' ').Select(folder => $"/var/lib/{folder}")];
        Assert.Contains(Environment()["Gateway__ArtifactFolder"], writable);
        Assert.Contains(Environment()["Gateway__Repository"], writable);
    }

    private static Dictionary<string, string> Environment() => Values("Environment").Select(value => value.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);

    private static IEnumerable<string> Values(string key) =>
        Unit.Split('\n').Where(line => line.StartsWith($"{key}=", StringComparison.Ordinal)).Select(line => line[(key.Length + 1)..]);

    // What it does not know it says, and ends with 0. It wants programs that are there.
    private static async Task<string> VerifyAsync(string unit)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("systemd-");
        string file = Path.Combine(folder.FullName, "modelgateway.service");
        await File.WriteAllTextAsync(file, unit.Replace(Program, "/bin/true", StringComparison.Ordinal));
        ProgramRun run = await Command.TryRunAsync("systemd-analyze", ["verify", "--man=no", file]);
        folder.Delete(recursive: true);
        Assert.True(run.Code == 0, run.All);
        return run.All.Trim();
    }
}
