using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace ModelGateway.Deploy.Tests.Containers;

/// <summary>docker/compose.yaml, read strictly: a key that is not here, and so is not checked, is an error. Variables have their defaults.</summary>
internal sealed partial class ComposeFile
{
    public string Name { get; set; } = "";

    public Dictionary<string, Service> Services { get; set; } = [];

    public Dictionary<string, object?> Volumes { get; set; } = [];

    public static ComposeFile Read()
    {
        string text = Variable().Replace(CheckedInFile.Read("docker/compose.yaml"), match => match.Groups[1].Value);
        return new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).WithDuplicateKeyChecking().Build().Deserialize<ComposeFile>(text);
    }

    // ${NAME:-default}
    [GeneratedRegex(@"\$\{[A-Z_]+:-([^}]*)\}")]
    private static partial Regex Variable();

    internal sealed class Service
    {
        public string Image { get; set; } = "";

        public BuildShape? Build { get; set; }

        public List<string> Command { get; set; } = [];

        public Dictionary<string, string> Environment { get; set; } = [];

        public List<string> Ports { get; set; } = [];

        public List<string> Volumes { get; set; } = [];

        public List<string> Tmpfs { get; set; } = [];

        public List<string> CapDrop { get; set; } = [];

        public List<string> SecurityOpt { get; set; } = [];

        public bool ReadOnly { get; set; }

        public string StopGracePeriod { get; set; } = "10s";

        public string Restart { get; set; } = "no";

        public HealthShape? Healthcheck { get; set; }

        public Dictionary<string, DependencyShape> DependsOn { get; set; } = [];
    }

    internal sealed class BuildShape
    {
        public string Context { get; set; } = "";

        public string Dockerfile { get; set; } = "";
    }

    internal sealed class HealthShape
    {
        public List<string> Test { get; set; } = [];

        public string Interval { get; set; } = "";

        public string Timeout { get; set; } = "";

        public int Retries { get; set; }
    }

    internal sealed class DependencyShape
    {
        public string Condition { get; set; } = "";
    }
}
