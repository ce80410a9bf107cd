using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Pipelines;
using Xunit;

namespace ModelGateway.Deploy.Tests.Pipelines;

/// <summary>The pipelines for GitLab are what GitLab takes, those for Jenkins what Jenkins takes, and both do the same.</summary>
public sealed partial class PipelineTests
{
    private const string GitLab = ".gitlab-ci.yml";
    private const string Jenkins = "deploy/jenkins/Jenkinsfile";
    private const string ModelGitLab = "deploy/pipelines/model/gitlab-ci.yml";
    private const string ModelJenkins = "deploy/pipelines/model/Jenkinsfile";

    // What the declarative syntax knows.
    private static readonly string[] PipelineDirectives = ["agent", "options", "parameters", "environment", "stages", "post", "tools", "triggers", "libraries"];
    private static readonly string[] StageDirectives = ["agent", "options", "environment", "stages", "parallel", "steps", "when", "input", "post", "tools", "matrix"];
    private static readonly string[] Steps = ["sh", "stash", "unstash", "echo"];

    // The same thing has another name in each.
    private static readonly (string GitLab, string Jenkins)[] Variables =
    [
        ("$CI_REGISTRY_PASSWORD", "$LOGIN_PSW"), ("$CI_REGISTRY_USER", "$LOGIN_USR"), ("$CI_REGISTRY_IMAGE", "$REGISTRY/$REPOSITORY"), ("$CI_REGISTRY", "$REGISTRY"),
        ("$CI_COMMIT_SHA", "$GIT_COMMIT"), ("$CI_COMMIT_TAG", "$TAG_NAME"), ("${CI_COMMIT_TAG", "${TAG_NAME"),
        ("$CI_PIPELINE_CREATED_AT", "$(date -u +%Y-%m-%dT%H:%M:%SZ)"), ("$CI_PROJECT_URL", "$GIT_URL"),
    ];

    [Theory]
    [InlineData("CI_COMMIT_TAG=v1", "build,test,format,vulnerabilities,licences,chart-lint,build-image,chart,publish-image,publish-chart,deploy,rollback")]
    [InlineData("CI_PIPELINE_SOURCE=merge_request_event", "build,test,format,vulnerabilities,licences,chart-lint,build-image,chart")]
    public async Task GitLab_Pipeline_FitsTheSchemaAndHasTheJobs(string variable, string jobs)
    {
        using GitLabProject project = await GitLabProject.CreateAsync(CheckedInFile.Read(GitLab));

        ProgramRun list = await project.ListAsync(variable, "CI_COMMIT_BRANCH=feature");

        Assert.True(list.Code == 0, list.All);
        using JsonDocument found = JsonDocument.Parse(list.Output);
        JsonElement[] active = [.. found.RootElement.EnumerateArray().Where(job => job.GetProperty("when").GetString() != "never")];
        Assert.Equal(jobs.Split(','), active.Select(job => job.GetProperty("name").GetString()));
        Assert.All(active.Where(job => job.GetProperty("stage").GetString() == "deploy"), job => Assert.Equal("manual", job.GetProperty("when").GetString()));
    }

    [Fact]
    public async Task GitLab_ModelPipeline_FitsTheSchemaAndHasTheJobs()
    {
        using GitLabProject project = await GitLabProject.CreateAsync(CheckedInFile.Read(ModelGitLab));

        ProgramRun list = await project.ListAsync("MODEL=iris", "VERSION=3");

        Assert.True(list.Code == 0, list.All);
        using JsonDocument found = JsonDocument.Parse(list.Output);
        Assert.Equal(
            [("publish", "on_success"), ("rollback", "manual")],
            found.RootElement.EnumerateArray().Select(job => (job.GetProperty("name").GetString()!, job.GetProperty("when").GetString()!)));
    }

    [Fact]
    public void GitLab_JobsThatPublish_NeedAllThatComesBefore()
    {
        GitLabPipeline pipeline = GitLabPipeline.Read(GitLab);
        string[] before = [.. pipeline.Stages.TakeWhile(stage => stage != "publish")];
        string[] needed = [.. pipeline.Jobs.Where(job => before.Contains(job.Value.Stage)).Select(job => job.Key)];
        KeyValuePair<string, GitLabPipeline.Job>[] publishing = [.. pipeline.Jobs.Where(job => job.Value.Stage == "publish")];

        Assert.Equal(["build", "test", "check", "package"], before);
        Assert.Equal(["publish-image", "publish-chart"], publishing.Select(job => job.Key));
        // Without needs a job waits for all stages before its own.
        Assert.All(publishing, job => Assert.Empty(job.Value.Needs is { } needs ? needed.Except(needs) : []));
        // Nobody publishes from elsewhere.
        Assert.All(
            pipeline.Jobs.Where(job => job.Value.Stage != "publish"),
            job => Assert.DoesNotContain(job.Value.Commands, command => command.StartsWith("helm push", StringComparison.Ordinal) || command.Contains("docker://", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("stage: check", "stag: check", "stag")]
    [InlineData("needs: [chart-lint]", "needs: [no-such-job]", "no-such-job")]
    [InlineData("extends: .released", "extends: .nothing", ".nothing")]
    public async Task GitLab_FaultyPipeline_Refused(string right, string wrong, string message)
    {
        using GitLabProject project = await GitLabProject.CreateAsync(CheckedInFile.Read(GitLab).Replace(right, wrong, StringComparison.Ordinal));

        ProgramRun list = await project.ListAsync("CI_COMMIT_TAG=v1");

        Assert.NotEqual(0, list.Code);
        Assert.Contains(message, list.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Jenkins)]
    [InlineData(ModelJenkins)]
    public async Task Jenkins_Pipeline_IsDeclarativeAsJenkinsTakesIt(string file)
    {
        Directive pipeline = await ReadAsync(file);

        Assert.All(pipeline.Children, directive => Assert.Contains(directive.Name, PipelineDirectives));
        Assert.Single(pipeline.Of("agent"));
        bool hasAgent = !pipeline.Of("agent").Single().Arguments.Contains("none");
        foreach (Directive stage in Assert.Single(pipeline.Of("stages")).All().Where(directive => directive.Name == "stage"))
        {
            Assert.Single(stage.Arguments);
            Assert.All(stage.Children, directive => Assert.Contains(directive.Name, StageDirectives));
            Directive body = Assert.Single(stage.Children, directive => directive.Name is "steps" or "parallel" or "stages");
            Assert.NotEmpty(body.Children);
            Assert.All(body.Children, child => Assert.Contains(child.Name, body.Name == "steps" ? Steps : ["stage"]));
            Assert.True(body.Name != "steps" || hasAgent || stage.Of("agent").Any(), $"{stage.Arguments[0]} has no agent to run on.");
        }
    }

    [Fact]
    public async Task Jenkins_NoGroovy_Refused()
    {
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "pipeline { stages { stage('a') { steps { sh 'x' } }");

        (Directive? pipeline, string fault) = await Directive.ReadAsync(file);

        File.Delete(file);
        Assert.Null(pipeline);
        Assert.Contains("expecting '}'", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(GitLab, Jenkins)]
    [InlineData(ModelGitLab, ModelJenkins)]
    public async Task Jenkins_Stages_DoWhatGitLabsJobsDo(string gitLab, string jenkins)
    {
        var jobs = GitLabPipeline.Read(gitLab).Jobs;
        Directive pipeline = await ReadAsync(jenkins);
        Dictionary<string, string[]> stages = pipeline.All()
            .Where(directive => directive.Name == "stage" && directive.Of("steps").Any())
            .ToDictionary(stage => stage.Arguments[0], stage => stage.Of("steps").Single().Of("sh").Select(step => step.Arguments[0]).ToArray());

        Assert.Equal(jobs.Keys.Order(StringComparer.Ordinal), stages.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, GitLabPipeline.Job job) in jobs)
        {
            Assert.Equal(job.Commands.Select(Translate), stages[name]);
        }
    }

    [Theory]
    [InlineData(Jenkins, "build,test,check,package,publish,deploy,rollback")]
    [InlineData(ModelJenkins, "publish,rollback")]
    public async Task Jenkins_RunWithRollback_DoesThatAndNothingElse(string file, string names)
    {
        Directive[] stages = [.. (await ReadAsync(file)).Of("stages").Single().Of("stage")];

        Assert.Equal(names.Split(','), stages.Select(stage => stage.Arguments[0]));
        foreach (Directive stage in stages)
        {
            // Several conditions of a stage must all hold.
            Directive when = Assert.Single(stage.Of("when"));
            Directive rollback = stage.Arguments[0] == "rollback" ? when : Assert.Single(when.Of("not"));
            Assert.Equal(["params.ROLLBACK"], Assert.Single(rollback.Of("expression")).Arguments);
        }
    }

    [Fact]
    public async Task Jenkins_PublicationAndDeployment_AreForTheMainBranchAndTagsAndTheLatterAsks()
    {
        Dictionary<string, Directive> stages = (await ReadAsync(Jenkins)).Of("stages").Single().Of("stage").ToDictionary(stage => stage.Arguments[0]);

        foreach (Directive when in new[] { "publish", "deploy" }.Select(name => stages[name].Of("when").Single()))
        {
            Directive anyOf = Assert.Single(when.Of("anyOf"));
            Assert.Equal(["branch main", "buildingTag"], anyOf.Children.Select(condition => string.Join(' ', [condition.Name, .. condition.Arguments])));
        }

        Directive input = Assert.Single(stages["deploy"].Of("input"));
        Assert.NotEmpty(Assert.Single(input.Of("message")).Arguments);
        // Otherwise a run of another branch, or one that goes back, would ask too, and wait.
        Assert.Equal(["true"], Assert.Single(stages["deploy"].Of("when").Single().Of("beforeInput")).Arguments);
        Assert.All(stages.Values.Where(stage => stage.Arguments[0] != "deploy"), stage => Assert.DoesNotContain(stage.All(), directive => directive.Name == "input"));
    }

    [Theory]
    [InlineData(GitLab, "v1.2.3-rc.1", "1.2.3-rc.1")]
    [InlineData(GitLab, "1.2.3", "1.2.3")]
    [InlineData(GitLab, null, null)]
    [InlineData(Jenkins, "v1.2.3-rc.1", "1.2.3-rc.1")]
    [InlineData(Jenkins, "1.2.3", "1.2.3")]
    [InlineData(Jenkins, null, null)]
    [UnsupportedOSPlatform("windows")]
    public async Task Packages_OfATag_HaveItsVersionAndOtherwiseTheirOwn(string file, string? tag, string? version)
    {
        (string image, string chart) = await PackagingAsync(file);

        string[] built = await ArgumentsAsync(image, tag);
        string[] packaged = await ArgumentsAsync(chart, tag);

        Dictionary<string, string> given = built.Index().Where(argument => argument.Item == "--build-arg").Select(argument => built[argument.Index + 1].Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        Assert.Equal(version, given.GetValueOrDefault("VERSION"));
        Assert.Equal("0123abcd", given["REVISION"]);
        Assert.Equal("https://git.example.com/ml/my gateway", given["SOURCE"]);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", given["CREATED"]);
        Assert.Equal(
            version is null ? ["package", "deploy/helm/modelgateway", "--destination", "chart"]
            : ["package", "deploy/helm/modelgateway", "--version", version, "--app-version", version, "--destination", "chart"],
            packaged);
    }

    [Theory]
    [InlineData(GitLab)]
    [InlineData(ModelGitLab)]
    [UnsupportedOSPlatform("windows")]
    public void GitLab_Commands_RunScriptsThatAreThere(string file)
    {
        // A model's own project has the script beside the pipeline.
        string folder = Path.Combine(RepositoryRoot.Path, file == GitLab ? "" : Path.GetDirectoryName(file)!);
        string[] scripts = [.. GitLabPipeline.Read(file).Jobs.Values.SelectMany(job => job.Commands).Select(command => Script().Match(command)).Where(match => match.Success).Select(match => match.Value)];

        Assert.NotEmpty(scripts);
        Assert.All(scripts, script => Assert.True((File.GetUnixFileMode(Path.Combine(folder, script)) & UnixFileMode.UserExecute) != 0, script));
    }

    // The commands that make the image and the chart.
    private static async Task<(string Image, string Chart)> PackagingAsync(string file)
    {
        IEnumerable<string> commands = file == GitLab
            ? GitLabPipeline.Read(file).Jobs.Values.SelectMany(job => job.Commands)
            : (await ReadAsync(file)).All().Where(directive => directive.Name == "sh").Select(directive => directive.Arguments[0]);
        string[] all = [.. commands];
        return (all.Single(command => command.StartsWith("buildah build ", StringComparison.Ordinal)), all.Single(command => command.StartsWith("helm package ", StringComparison.Ordinal)));
    }

    // What the shell gives to buildah or helm, with the variables of either system.
    private static async Task<string[]> ArgumentsAsync(string command, string? tag)
    {
        var variables = new Dictionary<string, string>
        {
            ["CI_COMMIT_SHA"] = "0123abcd",
            ["GIT_COMMIT"] = "0123abcd",
            ["CI_PIPELINE_CREATED_AT"] = "2026-11-27T07:00:00Z",
            ["CI_PROJECT_URL"] = "https://git.example.com/ml/my gateway",
            ["GIT_URL"] = "https://git.example.com/ml/my gateway",
            ["CI_COMMIT_TAG"] = tag ?? "",
            ["TAG_NAME"] = tag ?? "",
        };
        ProgramRun run = await ProgramRun.OfAsync(RepositoryRoot.Path, variables, "sh", "-c", $"buildah() {{ printf '%s\\n' \"$@\"; }}\nhelm() {{ buildah \"$@\"; }}\n{command}");
        Assert.True(run.Code == 0, run.All);
        return run.Output.TrimEnd().Split('\n');
    }

    private static string Translate(string command) => Variables.Aggregate(command, (text, pair) => text.Replace(pair.GitLab, pair.Jenkins, StringComparison.Ordinal));

    private static async Task<Directive> ReadAsync(string file)
    {
        (Directive? pipeline, string fault) = await Directive.ReadAsync(Path.Combine(RepositoryRoot.Path, file));
        Assert.True(pipeline is not null, $"{file}: {fault}");
        Assert.Equal("pipeline", pipeline.Name);
        return pipeline;
    }

    [GeneratedRegex(@"^(\./|\.ci/|deploy/)\S+")]
    private static partial Regex Script();
}
