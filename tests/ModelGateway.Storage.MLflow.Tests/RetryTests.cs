using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>What a version that cannot be served costs, look by look, while the registry says nothing new.</summary>
public sealed class RetryTests : IAsyncLifetime
{
    private static readonly (string, byte[]) Model = MlflowServer.MLmodel();
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private readonly FakeTimeProvider _time = new();
    private Registry _registry = null!;
    private IObjectStore _store = null!;
    private ObjectListing _last = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        Server.AddVersion("iris", Model, ("model.onnx", [1, 2, 3]));
        Server.AddVersion("iris", Model, ("model.onnx", [4, 5, 6]));
    }

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Fact]
    public async Task ListAsync_FailedVersionThatTheListingDoesNotShow_IsFinal()
    {
        Server.SetStatus("iris", 1, "FAILED_REGISTRATION");
        await OpenAsync("?models=iris/1");

        Assert.Empty(await LookAsync(20));

        Assert.Equal(["registered-models/search:20"], Requests());
        Assert.Contains("'iris/1' is passed over: its status is FAILED_REGISTRATION.", Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Server.SetStatus("iris", 1, "READY");
        Assert.Equal([1], await LookAsync(1));
        Assert.Contains(_last.Objects, item => item.Key == "iris/1/model.onnx");
    }

    [Fact]
    public async Task ListAsync_PendingVersionThatTheListingDoesNotShow_IsAskedForAfterGrowingPauses()
    {
        Server.SetStatus("iris", 1, "PENDING_REGISTRATION");
        await OpenAsync("?models=iris/1");

        Assert.Equal([1, 2, 4, 8, 16, 26, 36, 46, 56], await LookAsync(60));

        Assert.Equal(["model-versions/get:9", "registered-models/search:60"], Requests());
        Assert.Single(_registry.Logged);
    }

    [Fact]
    public async Task ListAsync_ArtifactsRefused_AreAskedForAfterGrowingPausesAndReadOnceTheyAreGiven()
    {
        Server.AddVersion("wine", Model, ("model.onnx", [7]));
        RefuseArtifacts();
        await OpenAsync("?models=wine");

        Assert.Equal([1, 2, 4, 8, 16, 26, 36, 46, 56], await LookAsync(60));

        Assert.Equal(["artifacts:9", "model-versions/get-download-uri:9", "registered-models/search:60"], Requests());
        Assert.Contains("'wine/1' is passed over: it cannot be read now", Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Assert.Empty(_last.Objects);
        GiveArtifacts();
        Assert.Equal([6], await LookAsync(20));
        Assert.Contains(_last.Objects, item => item.Key == "wine/1/model.onnx");
        Assert.Equal("artifacts:1", Requests()[1]);
    }

    [Fact]
    public async Task ListAsync_ArtifactsRefusedForAMoment_AreReadAtTheNextLook()
    {
        RefuseArtifacts();
        await OpenAsync("");
        GiveArtifacts();

        Assert.Equal([1], await LookAsync(10));
        Assert.Contains(_last.Objects, item => item.Key == "iris/2/model.onnx");
    }

    [Fact]
    public async Task ListAsync_TwoAliasesAtAVersionThatFailsOnce_BothFollowAtTheNextLook()
    {
        Server.SetAlias("iris", "champion", 1);
        Server.SetAlias("iris", "challenger", 1);
        await OpenAsync("?alias=champion,challenger");
        Assert.Contains(_last.Objects, item => item.Key == "iris/1/model.onnx");
        Server.SetAlias("iris", "champion", 2);
        Server.SetAlias("iris", "challenger", 2);
        int refused = 0;
        Server.Intercept = http =>
        {
            bool isMeant = http.Request.Path.Value!.Contains("/artifacts", StringComparison.Ordinal) && Interlocked.Increment(ref refused) == 1;
            http.Response.StatusCode = isMeant ? StatusCodes.Status403Forbidden : StatusCodes.Status200OK;
            return Task.FromResult(isMeant);
        };

        Assert.Equal([1, 2], await LookAsync(10));

        using var text = new MemoryStream();
        await _store.CopyToAsync(_last.Objects.Single(item => item.Key == "iris/model.yaml"), text, CancellationToken.None);
        Assert.Contains("\"specific\": [2]", Encoding.UTF8.GetString(text.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_ModelChangesInAPause_IsAskedForAtOnce()
    {
        RefuseArtifacts();
        await OpenAsync("");
        await LookAsync(20);
        GiveArtifacts();

        Server.DescribeVersion("iris", 2, "The bucket can be read now");

        Assert.Equal([1], await LookAsync(1));
        Assert.Contains(_last.Objects, item => item.Key == "iris/2/model.onnx");
    }

    [Fact]
    public async Task ListAsync_VersionThatFailedIsNoLongerSelected_IsNotAskedForAgain()
    {
        RefuseArtifacts();
        Server.SetAlias("iris", "champion", 2);
        await OpenAsync("?alias=champion");
        Server.RemoveAlias("iris", "champion");

        Assert.Equal([1], await LookAsync(20));

        Assert.Equal(["registered-models/search:20"], Requests());
    }

    private async Task OpenAsync(string query)
    {
        _store = _registry.Open(query, _time);
        _last = (await _store.ListAsync(null, CancellationToken.None))!;
    }

    // Which of the looks, an interval apart, were not told that nothing has changed.
    private async Task<List<int>> LookAsync(int count)
    {
        Server.ResetRequests();
        var read = new List<int>();
        for (int look = 1; look <= count; look++)
        {
            _time.Advance(Interval);
            if (await _store.ListAsync(_last.Marker, CancellationToken.None) is { } listing)
            {
                _last = listing;
                read.Add(look);
            }
        }

        return read;
    }

    private string[] Requests() => [.. Server.Requests.Select(request => $"{request.Key}:{request.Value}").Order(StringComparer.Ordinal)];

    private void RefuseArtifacts() => Server.Intercept = http =>
    {
        bool isMeant = http.Request.Path.Value!.Contains("/artifacts", StringComparison.Ordinal);
        http.Response.StatusCode = isMeant ? StatusCodes.Status403Forbidden : StatusCodes.Status200OK;
        return Task.FromResult(isMeant);
    };

    private void GiveArtifacts() => Server.Intercept = static _ => Task.FromResult(false);
}
