using System.Net;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Repositories;

/// <summary>What the probes say of several repositories.</summary>
public sealed class ReadinessTests : IDisposable
{
    private readonly RepositoryFolder _first = new();
    private readonly RepositoryFolder _second = new();

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    [Fact]
    public async Task Ready_OneRepositoryMissingAtTheStart_NamesItAndTheOtherAnswers()
    {
        _first.AddVersion("a", 1, TestModels.AddConstant(1));
        string away = _second.Root + "-away";
        Directory.Move(_second.Root, away);
        await using GatewayHost host = await StartAsync();
        await host.WaitUntilReadyAsync("a", 1);

        (HttpStatusCode status, string answer) = await ReadyAsync(host);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains($"The model repository {new Uri(_second.Root).AbsoluteUri} cannot be read", answer, StringComparison.Ordinal);
        Assert.DoesNotContain($"{new Uri(_first.Root).AbsoluteUri} cannot", answer, StringComparison.Ordinal);

        Directory.Move(away, _second.Root);
        await host.WaitUntilAsync(manager => manager.IsInitialized);
        Assert.Equal((HttpStatusCode.OK, """{"status":"ready","reason":null}"""), await ReadyAsync(host));
    }

    [Fact]
    public async Task Ready_OneRepositoryGoneLater_StaysReadyAndSaysWhich()
    {
        await using GatewayHost host = await StartAsync();
        await host.WaitUntilAsync(manager => manager.IsInitialized);
        Directory.Delete(_second.Root);

        (HttpStatusCode Status, string Answer) ready;
        do
        {
            // The views do not change when a look fails, so there is nothing else to wait for.
            ready = await ReadyAsync(host);
            Assert.Equal(HttpStatusCode.OK, ready.Status);
        }
        while (ready.Answer.Contains("null", StringComparison.Ordinal));

        Assert.Contains($"The model repository {new Uri(_second.Root).AbsoluteUri} cannot be read", ready.Answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Index_ModelOfTwoRepositories_SaysWhichTwo()
    {
        _first.AddVersion("m", 1, TestModels.AddConstant(1));
        _second.AddVersion("m", 1, TestModels.AddConstant(2));
        await using GatewayHost host = await StartAsync();
        await host.WaitUntilAsync(manager => manager.IsInitialized);

        using HttpResponseMessage response = await host.Client.PostAsync(new Uri("/v2/repository/index", UriKind.Relative), null);
        string index = await response.Content.ReadAsStringAsync();

        Assert.Contains("\"state\":\"UNAVAILABLE\"", index, StringComparison.Ordinal);
        Assert.Contains(new Uri(_first.Root).AbsoluteUri, index, StringComparison.Ordinal);
        Assert.Contains(new Uri(_second.Root).AbsoluteUri, index, StringComparison.Ordinal);
    }

    private Task<GatewayHost> StartAsync() => GatewayHost.StartUnreadyAsync(
        null, ("Gateway:Repository", ""), ("Gateway:Repositories:0:Uri", _first.Root), ("Gateway:Repositories:1:Uri", _second.Root));

    private static async Task<(HttpStatusCode Status, string Answer)> ReadyAsync(GatewayHost host)
    {
        using HttpResponseMessage response = await host.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
