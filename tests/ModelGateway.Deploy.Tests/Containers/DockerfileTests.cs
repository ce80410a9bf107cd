using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Containers;

/// <summary>The rules that the image keeps; there is no container engine where the tests run.</summary>
public sealed partial class DockerfileTests
{
    private static readonly Dockerfile File = Dockerfile.Read();

    [Fact]
    public void Bases_ArePinnedAndTheImageHasNoShell()
    {
        List<string> bases = [.. File.Instructions.Where(instruction => instruction.Name == "ARG" && instruction.Arguments.Contains("_IMAGE=", StringComparison.Ordinal)).Select(instruction => instruction.Arguments.Split('=')[1])];

        Assert.Equal(2, bases.Count);
        Assert.All(bases, image => Assert.Matches(@"^mcr\.microsoft\.com/dotnet/(sdk|aspnet):10\.0\.\d+-[a-z-]+$", image));
        Assert.Contains(bases, image => image.EndsWith("-chiseled", StringComparison.Ordinal));
        Assert.All(File.Instructions.Where(instruction => instruction.Name == "FROM"), from => Assert.Matches(@"\$\{(SDK|RUNTIME)_IMAGE\}", from.Arguments));
        Assert.DoesNotContain(File.Image, instruction => instruction.Name == "RUN");
        Assert.All(["ENTRYPOINT", "VOLUME"], name => Assert.NotNull(JsonDocument.Parse(File.Of(name))));
    }

    [Fact]
    public void Image_RunsAsNobodySpecialAndKnowsItsHealth()
    {
        Assert.Equal("1654:1654", File.Of("USER"));
        Assert.Equal("SIGTERM", File.Of("STOPSIGNAL"));
        string program = JsonDocument.Parse(File.Of("ENTRYPOINT")).RootElement[0].GetString()!;
        Match health = Health().Match(File.Of("HEALTHCHECK"));
        Assert.Equal([program, "healthcheck"], JsonSerializer.Deserialize<string[]>(health.Groups[1].Value)!);
        string folder = File.Image.Single(instruction => instruction.Name == "ENV").Arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries).Single(pair => pair.StartsWith("Gateway__ArtifactFolder=", StringComparison.Ordinal)).Split('=')[1];
        Assert.Contains(folder, File.Of("VOLUME"), StringComparison.Ordinal);
        Assert.Contains(File.Image, instruction => instruction.Name == "COPY" && instruction.Arguments.Contains("--chown=1654:1654", StringComparison.Ordinal) && instruction.Arguments.EndsWith(folder, StringComparison.Ordinal));
        Assert.Contains("ORT_DISABLE_TELEMETRY=1", File.Of("ENV"), StringComparison.Ordinal);
        Assert.All(["title", "description"], label => Assert.Contains($"org.opencontainers.image.{label}=\"", File.Of("LABEL"), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("version", "VERSION")]
    [InlineData("revision", "REVISION")]
    [InlineData("created", "CREATED")]
    [InlineData("source", "SOURCE")]
    public void Labels_TakeTheirBuildArguments(string label, string argument)
    {
        Assert.Contains($"org.opencontainers.image.{label}=\"${argument}\"", File.Of("LABEL"), StringComparison.Ordinal);
        // Of the image's own stage: an argument of another one is empty there. Its default holds where nobody gives it.
        Assert.Single(File.Image, instruction => instruction.Name == "ARG" && Regex.IsMatch(instruction.Arguments, $"^{argument}=.+"));
    }

    [Fact]
    public void Version_IsThatOfTheSourceTreeUnlessItIsGiven()
    {
        string version = XDocument.Load(Path.Combine(RepositoryRoot.Path, "Directory.Build.props")).Descendants("Version").Single().Value;

        List<Dockerfile.Instruction> arguments = [.. File.Instructions.Where(instruction => instruction.Name == "ARG" && instruction.Arguments.StartsWith("VERSION", StringComparison.Ordinal))];

        Assert.Equal(2, arguments.Count);
        Assert.All(arguments, argument => Assert.Equal($"VERSION={version}", argument.Arguments));
        Assert.Contains("-p:Version=\"$VERSION\"", File.Instructions.Single(instruction => instruction.Arguments.StartsWith("dotnet publish", StringComparison.Ordinal)).Arguments, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_IsCheckedAfterItIsPublished()
    {
        List<Dockerfile.Instruction> instructions = [.. File.Instructions];
        int publish = instructions.FindIndex(instruction => instruction.Arguments.StartsWith("dotnet publish", StringComparison.Ordinal));
        int check = instructions.FindIndex(instruction => instruction is { Name: "RUN", Arguments: "sh /check/check-output.sh /app /check/container.md" });
        int image = instructions.FindLastIndex(instruction => instruction.Name == "FROM");

        Assert.Contains(" -o /app ", instructions[publish].Arguments, StringComparison.Ordinal);
        Assert.InRange(check, publish + 1, image);
    }

    [Fact]
    public void Platform_IsTheOneThatIsAskedFor()
    {
        // A default in a stage wins over what BuildKit gives.
        Assert.Contains(File.Instructions, instruction => instruction is { Name: "ARG", Arguments: "TARGETARCH" });
        Assert.DoesNotContain(File.Instructions, instruction => instruction.Name == "ARG" && instruction.Arguments.StartsWith("TARGETARCH=", StringComparison.Ordinal));
        List<string> compiled = [.. File.Instructions.Select(instruction => instruction.Arguments).Where(arguments => arguments.Contains("linux-", StringComparison.Ordinal))];
        Assert.Equal(2, compiled.Count);
        Assert.All(compiled, arguments => Assert.Contains("${TARGETARCH:-amd64}", arguments, StringComparison.Ordinal));
    }

    [Fact]
    public void Restore_ComesBeforeTheCodeAndHasEveryProject()
    {
        List<Dockerfile.Instruction> instructions = [.. File.Instructions];
        int restore = instructions.FindIndex(instruction => instruction.Arguments.StartsWith("dotnet restore", StringComparison.Ordinal));
        int code = instructions.FindIndex(instruction => instruction is { Name: "COPY", Arguments: "src/ src/" });
        List<string> copied = [.. instructions.Take(restore).Where(instruction => instruction.Name == "COPY").SelectMany(instruction => instruction.Arguments.Split(' ')[..^1])];

        Assert.InRange(restore, 1, code);
        Assert.Contains("--locked-mode", instructions[restore].Arguments, StringComparison.Ordinal);
        Assert.All(Projects("src/ModelGateway/ModelGateway.csproj"), project =>
        {
            Assert.Contains(project, copied);
            Assert.Contains($"{Path.GetDirectoryName(project)}/packages.lock.json", copied);
        });
        Assert.All(copied, file => Assert.True(System.IO.File.Exists(Path.Combine(RepositoryRoot.Path, file)), $"{file} does not exist."));
        Assert.Contains("PublishReadyToRun=true", instructions.Single(instruction => instruction.Arguments.StartsWith("dotnet publish", StringComparison.Ordinal)).Arguments, StringComparison.Ordinal);
    }

    [Fact]
    public void Context_LetsInWhatIsCopiedAndNothingElse()
    {
        string[] lines = [.. CheckedInFile.Read("docker/Dockerfile.dockerignore").Split('\n').Where(line => line.Length > 0 && line[0] != '#')];
        List<string> copied = [.. File.Instructions.Where(instruction => instruction.Name == "COPY" && !instruction.Arguments.StartsWith("--from", StringComparison.Ordinal)).SelectMany(instruction => instruction.Arguments.Split(' ')[..^1])];

        Assert.Equal("*", lines[0]);
        List<string> letIn = [.. lines.Where(line => line[0] == '!').Select(line => line[1..])];
        Assert.All(copied, file => Assert.Contains(letIn, line => $"{file}/".StartsWith($"{line}/", StringComparison.Ordinal)));
        // Each is copied as it is: no folder comes in for one of its files.
        Assert.All(letIn, line => Assert.Contains(line, copied.Select(file => file.TrimEnd('/'))));
        Assert.All(letIn, line => Assert.True(Path.Exists(Path.Combine(RepositoryRoot.Path, line)), $"{line} does not exist."));
        Assert.Contains("**/bin", lines);
        Assert.Contains("**/obj", lines);
    }

    [Fact]
    public void Sdk_IsOneThatTheSourceTreeTakes()
    {
        string asked = JsonDocument.Parse(CheckedInFile.Read("global.json")).RootElement.GetProperty("sdk").GetProperty("version").GetString()!;
        Version image = Version.Parse(Regex.Match(File.Instructions[0].Arguments, @"sdk:(\d+\.\d+\.\d+)").Groups[1].Value);

        Assert.Equal(Version.Parse(asked).Major, image.Major);
        Assert.True(image >= Version.Parse(asked));
    }

    // The project and all that it refers to.
    private static HashSet<string> Projects(string project)
    {
        var found = new HashSet<string> { project };
        foreach (XElement reference in XDocument.Load(Path.Combine(RepositoryRoot.Path, project)).Descendants("ProjectReference"))
        {
            string path = Path.GetFullPath(Path.Combine(RepositoryRoot.Path, Path.GetDirectoryName(project)!, reference.Attribute("Include")!.Value));
            found.UnionWith(Projects(Path.GetRelativePath(RepositoryRoot.Path, path)));
        }

        return found;
    }

    [GeneratedRegex("CMD (\\[.*\\])$")]
    private static partial Regex Health();
}
