using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using ModelGateway.Deploy.Tests.Kubernetes;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Deploy.Tests.Containers;

/// <summary>docker/compose.yaml: what it names exists, and with its own settings and its own job the gateway serves the samples.</summary>
public sealed partial class ComposeTests
{
    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "docker");
    private static readonly ComposeFile Compose = ComposeFile.Read();

    [Fact]
    public void Services_Named_Exist()
    {
        foreach ((string name, ComposeFile.Service service) in Compose.Services)
        {
            Assert.All(service.DependsOn, dependency =>
            {
                ComposeFile.Service other = Compose.Services[dependency.Key];
                switch (dependency.Value.Condition)
                {
                    case "service_healthy":
                        Assert.True(other.Healthcheck is not null || other.Build is not null, $"{name} waits for the health of {dependency.Key}, which has no check.");
                        break;
                    case "service_completed_successfully":
                        Assert.Equal("no", other.Restart);
                        break;
                    default:
                        Assert.Equal("service_started", dependency.Value.Condition);
                        break;
                }
            });

            // Another service is reached by its name and the port that it listens on, not by a port of this machine.
            string text = string.Join('\n', service.Environment.Values);
            Assert.All(Address().Matches(text), match => Assert.Contains(match.Groups[1].Value, Compose.Services.Keys));
        }
    }

    [Fact]
    public void Images_ArePinned_AndPortsAreOnTheLoopbackAddress()
    {
        Assert.All(Compose.Services, service =>
        {
            Assert.Matches(@"^[a-z/]+:[A-Za-z0-9][\w.-]*$", service.Value.Image);
            Assert.DoesNotContain("latest", service.Value.Image, StringComparison.Ordinal);
            Assert.All(service.Value.Ports, port => Assert.StartsWith("127.0.0.1:", port, StringComparison.Ordinal));
        });
    }

    [Fact]
    public void Volumes_Named_Exist()
    {
        var used = new HashSet<string>();
        foreach (string volume in Compose.Services.Values.SelectMany(service => service.Volumes))
        {
            string source = volume.Split(':')[0];
            if (source.StartsWith('.'))
            {
                Assert.True(Path.Exists(Path.Combine(Folder, source)), $"{source} does not exist.");
            }
            else
            {
                Assert.Contains(source, Compose.Volumes.Keys);
                used.Add(source);
            }
        }

        Assert.Equal(Compose.Volumes.Keys.Order(), used.Order());
    }

    [Fact]
    public void Gateway_Built_FromTheDockerfileAndClosed()
    {
        ComposeFile.Service gateway = Compose.Services["gateway"];

        Assert.True(File.Exists(Path.Combine(Folder, gateway.Build!.Context, gateway.Build.Dockerfile)));
        Assert.Equal(RepositoryRoot.Path, Path.GetFullPath(Path.Combine(Folder, gateway.Build.Context)).TrimEnd('/'));
        Assert.True(gateway.ReadOnly);
        Assert.Equal(["ALL"], gateway.CapDrop);
        Assert.Equal(["/tmp"], gateway.Tmpfs);
        Assert.Contains(gateway.Volumes, volume => volume.EndsWith(":/var/lib/modelgateway", StringComparison.Ordinal));
        foreach (string variable in gateway.Environment.Keys)
        {
            GatewaySettings.AssertExists(variable, "compose");
        }
    }

    [Fact]
    public void Gateway_Stopped_HasTheTimeThatItsRequestsNeed()
    {
        ComposeFile.Service gateway = Compose.Services["gateway"];

        Assert.Matches(@"^\d+s$", gateway.StopGracePeriod);
        ManifestRules.CheckStop(gateway.Environment, TimeSpan.FromSeconds(int.Parse(gateway.StopGracePeriod.TrimEnd('s'), CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Prometheus_Mounted_HasItsRulesAndScrapesTheGateway()
    {
        List<string[]> mounts = [.. Compose.Services["prometheus"].Volumes.Select(volume => volume.Split(':')).Where(mount => mount[0].StartsWith('.'))];
        string configuration = CheckedInFile.Read("deploy/prometheus/prometheus.yaml");

        // The image reads this file, and rules relative to it.
        Assert.Equal("../deploy/prometheus/prometheus.yaml", mounts.Single(mount => mount[1] == "/etc/prometheus/prometheus.yml")[0]);
        Assert.Equal("../deploy/prometheus/alerts.yaml", mounts.Single(mount => mount[1] == "/etc/prometheus/alerts.yaml")[0]);
        Assert.Contains("rule_files:\n  - alerts.yaml\n", configuration, StringComparison.Ordinal);
        Assert.Contains($"- targets: [\"gateway:{Compose.Services["gateway"].Ports.Single().Split(':')[^1]}\"]", configuration, StringComparison.Ordinal);
    }

    [Fact]
    public void Grafana_Provisioned_FindsPrometheusAndTheDashboard()
    {
        ComposeFile.Service grafana = Compose.Services["grafana"];
        string dashboard = grafana.Volumes.Single(volume => volume.Contains("dashboard.json", StringComparison.Ordinal)).Split(':')[1];
        string[] provisioning = grafana.Volumes.Single(volume => volume.Contains("provisioning", StringComparison.Ordinal)).Split(':');

        Assert.Equal("/etc/grafana/provisioning", provisioning[1]);
        Assert.Contains("url: http://prometheus:9090\n", Provisioned("datasources"), StringComparison.Ordinal);
        Assert.Contains($"path: {Path.GetDirectoryName(dashboard)}\n", Provisioned("dashboards"), StringComparison.Ordinal);
        Assert.Equal(dashboard, grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]);

        string Provisioned(string kind) => File.ReadAllText(Assert.Single(Directory.EnumerateFiles(Path.Combine(Folder, provisioning[0], kind), "*.yaml")));
    }

    // The job and the gateway as they stand in the file; only the addresses and the mounted folder are this machine's.
    [Fact]
    public async Task SamplesJob_Run_FillsTheStoreThatTheGatewayServes()
    {
        await using S3Server store = await S3Server.StartAsync();
        await using RedisServer redis = await RedisServer.StartAsync();
        ComposeFile.Service job = Compose.Services["samples"];
        string[] mount = job.Volumes.Single().Split(':');
        Assert.StartsWith("rclone/rclone:", job.Image, StringComparison.Ordinal);

        await Command.RunAsync(
            "rclone",
            job.Command.Select(argument => argument == mount[1] ? Path.GetFullPath(Path.Combine(Folder, mount[0])) : argument),
            // What this machine's own settings may say, a container does not know.
            Here(job.Environment).Append(new("RCLONE_CONFIG", "/dev/null")).Append(new("AWS_CA_BUNDLE", "")).ToDictionary());

        var settings = Here(Compose.Services["gateway"].Environment).ToDictionary(variable => variable.Key, string? (variable) => variable.Value);
        settings["Gateway__SettleTime"] = "00:00:00";
        await using GatewayProcess gateway = GatewayProcess.Start(settings);
        await gateway.WaitUntilReadyAsync();

        string samples = Path.Combine(RepositoryRoot.Path, "docs/samples/models");
        using JsonDocument index = await SendAsync(gateway, "/v2/repository/index", "{}");
        Assert.Equal(
            Directory.EnumerateDirectories(samples).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            index.RootElement.EnumerateArray().Select(model => model.GetProperty("name").GetString()).Distinct().Order(StringComparer.Ordinal));
        using JsonDocument answer = await SendAsync(gateway, "/predict/iris", await File.ReadAllTextAsync(Path.Combine(samples, "iris/example.json")));
        Assert.Equal("iris", answer.RootElement.GetProperty("model").GetString());

        IEnumerable<KeyValuePair<string, string>> Here(Dictionary<string, string> environment) => environment.Select(variable => KeyValuePair.Create(
            variable.Key,
            variable.Value.Replace("http://store:9000", store.Endpoint.ToString().TrimEnd('/'), StringComparison.Ordinal).Replace("redis:6379", redis.Address, StringComparison.Ordinal)));
    }

    private static async Task<JsonDocument> SendAsync(GatewayProcess gateway, string path, string body)
    {
        using var content = new StringContent(body, MediaTypeHeaderValue.Parse("application/json"));
        using HttpResponseMessage response = await gateway.Client.PostAsync(new Uri(path, UriKind.Relative), content);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text);
    }

    // http://name:port, and name:port alone.
    [GeneratedRegex(@"^(?:https?://)?([a-z]+):\d+$", RegexOptions.Multiline)]
    private static partial Regex Address();
}
