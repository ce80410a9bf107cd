using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Repositories;

/// <summary>What names repositories; all faults come at once.</summary>
public sealed class RepositoryOptionsTests
{
    [Fact]
    public void Nothing_SaysWhatToSet() => Assert.Contains("Gateway:Repository is not set", Faults());

    [Fact]
    public void Both_Refused() => Assert.Contains(
        "Gateway:Repository and Gateway:Repositories are both set", Faults("Gateway:Repository=/models", "Gateway:Repositories:0:Uri=/other"));

    [Fact]
    public void Several_Faulty_AllAtOnceWithTheirKeys()
    {
        string faults = Faults(
            "Gateway:Repositories:0:NamePrefix=x",
            "Gateway:Repositories:1:Uri=ftp://models.example",
            "Gateway:Repositories:2:Uri=file://[",
            "Gateway:Repositories:3:Uri=/models",
            "Gateway:Repositories:3:NamePrefix=team a/",
            "Gateway:Repositories:4:Uri=/others",
            "Gateway:Repositories:4:PollInterval=00:00:00",
            "Gateway:Refresh:Secret=too-short");

        Assert.Contains("Gateway:Repositories:0:Uri is not set", faults);
        Assert.Contains("Gateway:Repositories:1:Uri has the scheme 'ftp'", faults);
        Assert.Contains("Gateway:Repositories:2:Uri is not a URI", faults);
        Assert.Contains("Gateway:Repositories:3:NamePrefix makes no valid names", faults);
        Assert.Contains("PollInterval", faults);
        Assert.Contains("Gateway:Refresh:Secret has 9 characters", faults);
        Assert.DoesNotContain("too-short", faults);
    }

    [Theory]
    [InlineData("/models", "/models")]
    [InlineData("/models", "/models/")]
    [InlineData("/models", "file:///models")]
    public void SamePlaceTwice_Refused(string one, string other)
    {
        Assert.Contains(
            "Gateway:Repositories:0:Uri and Gateway:Repositories:1:Uri are the same repository", Faults($"Gateway:Repositories:0:Uri={one}", $"Gateway:Repositories:1:Uri={other}"));
        Assert.Equal("", Faults($"Gateway:Repositories:0:Uri={one}", $"Gateway:Repositories:1:Uri={other}", "Gateway:Repositories:1:NamePrefix=b-"));
    }

    [Fact]
    public void TwoSelectionsOfOneRegistry_AreTwoRepositories() =>
        Assert.Equal("", Faults("Gateway:Repositories:0:Uri=mlflow+https://host?models=iris", "Gateway:Repositories:1:Uri=mlflow+https://host?models=wine@champion"));

    [Theory]
    [InlineData("s3://key:hidden-word@bucket/models")]
    [InlineData("s3://key:a/hidden-word@bucket/models")]
    [InlineData("https://user:a?hidden-word@host/index.json")]
    [InlineData("https://user:hidden-word@host/index.json")]
    [InlineData("file://user:hidden-word@[/models")]
    public void UserInfo_RefusedWithoutRepeatingIt(string uri)
    {
        string faults = Faults($"Gateway:Repository={uri}");

        Assert.Contains("Gateway:Repository has a user name or password", faults);
        Assert.DoesNotContain("hidden-word", faults);
    }

    [Fact]
    public void Secret_TwiceOrUnreadable_Refused()
    {
        Assert.Contains("are both set", Faults("Gateway:Repository=/models", "Gateway:Refresh:Secret=0123456789abcdef", "Gateway:Refresh:SecretFile=/x"));
        Assert.Contains("Gateway:Refresh:SecretFile names a file that cannot be read", Faults("Gateway:Repository=/models", "Gateway:Refresh:SecretFile=/no/such/file"));
    }

    [Fact]
    public async Task Several_Good_AreWatchedWithTheirPrefixes()
    {
        using var second = new RepositoryFolder();
        await using GatewayHost host = await GatewayHost.StartAsync(
            null, ("Gateway:Repository", ""), ("Gateway:Repositories:a:Uri", "models"), ("Gateway:Repositories:b:Uri", new Uri(second.Root).AbsoluteUri), ("Gateway:Repositories:b:NamePrefix", "b-"),
            ("contentRoot", Path.GetDirectoryName(second.Root)!), ("Gateway:Repositories:a:Uri", Path.GetFileName(second.Root)));

        IReadOnlyList<WatchedRepository> watched = host.Services.GetRequiredService<RepositoryWatcher>().Repositories;

        // The first is a path below the content root.
        Assert.Equal([new Uri(second.Root).AbsoluteUri, new Uri(second.Root).AbsoluteUri], watched.Select(repository => repository.Location));
        Assert.Equal((true, false), (watched[1].MayHold("b-m"), watched[1].MayHold("m")));
    }

    private static string Faults(params string[] settings)
    {
        try
        {
            using var app = GatewayApp.Build(["--environment=Production", "--Gateway:Auth:Enabled=false", .. settings.Select(setting => $"--{setting}")]);
            _ = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value;
            return "";
        }
        catch (OptionsValidationException exception)
        {
            return string.Join('\n', exception.Failures);
        }
    }
}
