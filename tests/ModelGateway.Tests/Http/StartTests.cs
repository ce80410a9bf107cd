using System.Net;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>Starts that cannot succeed say why, all at once; those that can succeed later wait.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task Start_InvalidOptions_ListsAllFaultsAndFails()
    {
        await using HttpGateway gateway = HttpGateway.Start(
            _ => { },
            ("Repository", null),
            ("PollInterval", "00:00:00"),
            ("LoadParallelism", "0"),
            ("Limits__MaxBodyBytes", "7"),
            ("Runtime__ExecutionProvider", "C P U"),
            ("Shutdown__Timeout", "00:00:00"));

        Assert.NotEqual(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        foreach (string key in new[] { "Repository", "PollInterval", "LoadParallelism", "MaxBodyBytes", "ExecutionProvider", "Timeout" })
        {
            Assert.Contains(key, gateway.Process.Output, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("   at ", gateway.Process.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ftp://models.example/x", "'ftp', but the known ones are 'file'")]
    [InlineData("://", "the known ones are 'file'")]
    [InlineData("file://[", "not a URI")]
    public async Task Start_RepositoryThatNoStoreTakes_SaysWhyAndFails(string repository, string part)
    {
        await using HttpGateway gateway = HttpGateway.Start(_ => { }, ("Repository", repository));
        Assert.NotEqual(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        Assert.Contains("Gateway:Repository", gateway.Process.Output, StringComparison.Ordinal);
        Assert.Contains(part, gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", gateway.Process.Output, StringComparison.Ordinal);
    }

    // Nobody can write there, not even root: a device, and a kernel's file system.
    [Theory]
    [InlineData("/dev/null/artifacts")]
    [InlineData("/proc")]
    public async Task Start_ArtifactFolderThatCannotBeWrittenTo_SaysWhyAndFails(string folder)
    {
        await using HttpGateway gateway = HttpGateway.Start(_ => { }, ("ArtifactFolder", folder));
        Assert.NotEqual(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        Assert.Contains($"Gateway:ArtifactFolder: the user of this process must be able to write to '{folder}'", gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", gateway.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_RelativeRepository_IsBelowTheContentRoot()
    {
        using var elsewhere = new TestKit.Repository.RepositoryFolder();
        elsewhere.AddVersion("m", 1, TestModels.AddConstant(1));
        await using HttpGateway gateway = await HttpGateway.StartAsync(_ => { }, ("Repository", Path.GetRelativePath(AppContext.BaseDirectory, elsewhere.Root)));
        using HttpResponseMessage response = await gateway.PostAsync("/predict/m", """{"inputs":{"x":[[1]]}}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Start_RepositoryMissing_IsNotReadyUntilItAppears()
    {
        await using HttpGateway gateway = HttpGateway.Start(repository => Directory.Delete(repository.Root));
        string reason = "";
        await gateway.WaitUntilAsync(
            async () =>
            {
                try
                {
                    using HttpResponseMessage ready = await gateway.GetAsync("/health/ready");
                    Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
                    reason = await ready.Content.ReadAsStringAsync();
                    return reason.Contains("does not exist", StringComparison.Ordinal);
                }
                catch (HttpRequestException)
                {
                    // Not listening yet.
                    return false;
                }
            },
            () => $"The reason was {reason}");
        using (HttpResponseMessage live = await gateway.GetAsync("/health/live"))
        {
            Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        }

        using (HttpResponseMessage early = await gateway.PostAsync("/predict/m", "{}"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, early.StatusCode);
            Assert.NotNull(early.Headers.RetryAfter);
        }

        // At once and with all that is in it: one that is empty is read as well, and then it is ready.
        using var made = new RepositoryFolder();
        made.AddVersionWithManifest("m", 1, TestModels.AddConstant(1));
        Directory.Move(made.Root, gateway.Repository.Root);
        await gateway.Process.WaitUntilReadyAsync();
        using HttpResponseMessage response = await gateway.PostAsync("/predict/m", """{"inputs":{"x":[[1]]}}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }
}
