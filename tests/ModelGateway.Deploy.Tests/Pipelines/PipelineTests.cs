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
        ("$CI_COMMIT_SHA", "$GIT_COMMIT"), ("$CI_COMMIT_TAG", "$TAG_NAME"),
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
        Assert.Equal(["publish", "rollback"], found.RootElement.EnumerateArray().Select(job => job.GetProperty("name").GetString()));
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
        foreach ((string name, (string _, string[] commands)) in jobs)
        {
            Assert.Equal(commands.Select(Translate), stages[name]);
        }
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
