using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

/// <summary>Servers that say less than nginx, or say it wrongly.</summary>
public sealed class IndexPollingTests : IAsyncLifetime
{
    private static readonly byte[] Model = "a model"u8.ToArray();
    private readonly StoreHarness _harness = new();
    private ScriptedWebServer _server = null!;
    private IObjectStore _store = null!;
    private string _index = Index("iris/1/model.onnx");

    public async Task InitializeAsync()
    {
        _server = await ScriptedWebServer.StartAsync();
        _store = _harness.Open(new HttpObjectStoreProvider(), $"{_server.Address}models/index.json");
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("\"strong\"")]
    [InlineData("W/\"weak\"")]
    public async Task ListAsync_ETagWithoutTime_IsAskedForByIt(string tag)
    {
        _server.Script = context => AnswerAsync(context, tag);

        string? marker = await MarkerAsync();

        Assert.Null(await _store.ListAsync(marker, CancellationToken.None));
        Assert.Equal(tag, _server.Requests.Last().Headers.IfNoneMatch);
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 1, ["list unchanged"] = 1 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_TimeWithoutETag_IsAskedForByIt()
    {
        string time = DateTimeOffset.UtcNow.AddHours(-1).ToString("R", CultureInfo.InvariantCulture);
        _server.Script = context => AnswerAsync(context, modified: time);

        string? marker = await MarkerAsync();

        Assert.Null(await _store.ListAsync(marker, CancellationToken.None));
        Assert.Null(await _harness.Open(new HttpObjectStoreProvider(), _store.Location).ListAsync(marker, CancellationToken.None));
        Assert.Equal(time, _server.Requests.Last().Headers.IfModifiedSince);
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 1, ["list unchanged"] = 2 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_NeitherETagNorTime_ComparesTheBody()
    {
        _server.Script = context => AnswerAsync(context);

        string? marker = await MarkerAsync();

        Assert.Null(await _store.ListAsync(marker, CancellationToken.None));
        Assert.Null(await _harness.Open(new HttpObjectStoreProvider(), _store.Location).ListAsync(marker, CancellationToken.None));
        _index = Index("iris/1/model.onnx", "iris/2/model.onnx");
        Assert.Equal(2, (await _store.ListAsync(marker, CancellationToken.None))?.Objects.Count);
    }

    [Fact]
    public async Task ListAsync_SameIndexUnderAnotherETag_IsUnchangedAndAskedForByTheNewOne()
    {
        string tag = "\"of one server\"";
        _server.Script = context => AnswerAsync(context, tag);
        string? marker = await MarkerAsync();

        tag = "\"of another\"";

        Assert.Null(await _store.ListAsync(marker, CancellationToken.None));
        Assert.Null(await _store.ListAsync(marker, CancellationToken.None));
        Assert.Equal(tag, _server.Requests.Last().Headers.IfNoneMatch);
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 2, ["list unchanged"] = 1 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_MalformedETag_IsPassedOver()
    {
        _server.Script = context => AnswerAsync(context, "no quotes");

        Assert.Null(await _store.ListAsync(await MarkerAsync(), CancellationToken.None));
    }

    [Theory]
    [InlineData("etag ")]
    [InlineData("etag no quotes")]
    [InlineData("modified yesterday")]
    [InlineData("modified 99999999999999999")]
    [InlineData("index.json abc")]
    [InlineData("")]
    public async Task ListAsync_ForeignMarker_IsTheListing(string marker)
    {
        _server.Script = context => AnswerAsync(context, "\"1\"");

        Assert.NotNull(await _store.ListAsync(marker, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_UnchangedThatNobodyAskedFor_IsAnIOException()
    {
        _server.Script = context => StatusAsync(context, 304);

        Assert.Contains("304", (await Assert.ThrowsAsync<IOException>(MarkerAsync)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "Gateway:Http:BearerToken")]
    [InlineData(403, "Gateway:Http:BearerToken")]
    [InlineData(404, "is not there (404 NotFound)")]
    [InlineData(500, "500")]
    [InlineData(206, "206")]
    public async Task ListAsync_OtherStatus_IsAnIOExceptionThatTellsWhatToDo(int status, string expected)
    {
        _server.Script = context => StatusAsync(context, status);

        IOException exception = await Assert.ThrowsAsync<IOException>(MarkerAsync);

        Assert.Contains(_store.Location, exception.Message, StringComparison.Ordinal);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<html>log in</html>")]
    [InlineData("""{"objects":[{"key":"iris/1/mo""")]
    [InlineData("")]
    public async Task ListAsync_DamagedIndex_IsAnIOExceptionUntilItIsMended(string damaged)
    {
        _server.Script = context => AnswerAsync(context);
        string? marker = await MarkerAsync();

        _index = damaged;
        await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(marker, CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => _store.ListAsync(marker, CancellationToken.None));

        _index = Index("iris/2/model.onnx");
        Assert.NotNull(await _store.ListAsync(marker, CancellationToken.None));
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("iris/../../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("http://elsewhere.example/model.onnx")]
    [InlineData("//elsewhere.example/model.onnx")]
    [InlineData("iris\\..\\secret")]
    public async Task ListAsync_HostileName_IsAnIOExceptionThatNamesItAndNothingIsRead(string key)
    {
        _index = Index("iris/1/model.onnx", key);
        _server.Script = context => AnswerAsync(context);

        IOException exception = await Assert.ThrowsAsync<IOException>(MarkerAsync);

        Assert.Contains($"'{key}'", exception.Message, StringComparison.Ordinal);
        Assert.Equal(["/models/index.json"], _server.Requests.Select(request => request.Path));
    }

    [Theory]
    [InlineData("%2e%2e/secret", "/models/%252e%252e/secret")]
    [InlineData("iris/%2Fetc", "/models/iris/%252Fetc")]
    [InlineData("iris/a?b#c", "/models/iris/a%3Fb%23c")]
    public async Task CopyToAsync_NameThatLooksEncoded_IsAskedForAsItIs(string key, string expected)
    {
        string? path = null;
        _server.Script = context =>
        {
            path = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            return StatusAsync(context, 404);
        };

        await Assert.ThrowsAsync<ObjectChangedException>(() => _store.CopyToAsync(new StoredObject(key, 1, "", default), Stream.Null, CancellationToken.None));

        Assert.Equal(expected, path);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ListAsync_IndexTooLarge_IsRefused(bool tellsLength)
    {
        _server.Script = async context =>
        {
            context.Response.ContentLength = tellsLength ? RepositoryIndex.LargestSize + 1L : null;
            byte[] spaces = Encoding.ASCII.GetBytes(new string(' ', 1 << 20));
            for (long sent = 0; sent <= RepositoryIndex.LargestSize && !context.RequestAborted.IsCancellationRequested; sent += spaces.Length)
            {
                await context.Response.Body.WriteAsync(spaces, context.RequestAborted);
            }
        };

        Assert.Contains($"{RepositoryIndex.LargestSize}", (await Assert.ThrowsAsync<IOException>(MarkerAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_IndexCut_IsAnIOException()
    {
        _server.Script = async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("""{"objects":[]}""");
            await context.Response.Body.FlushAsync();
            context.Abort();
        };

        Assert.Contains(_store.Location, (await Assert.ThrowsAnyAsync<IOException>(MarkerAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_NothingArrives_IsGivenUp()
    {
        _server.Script = context => Task.Delay(Timeout.Infinite, context.RequestAborted);
        using HttpObjectStore store = HttpObjectStoreProvider.Open(new Uri(_store.Location), _harness.Context, TimeSpan.FromMilliseconds(100));

        IOException exception = await Assert.ThrowsAnyAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Contains("nothing arrived", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_CompressedUnasked_IsAnIOExceptionThatSaysSo()
    {
        _server.Script = context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return AnswerAsync(context);
        };

        Assert.Contains("compressed (gzip)", (await Assert.ThrowsAsync<IOException>(MarkerAsync)).Message, StringComparison.Ordinal);
        Assert.Equal("identity", _server.Requests.Last().Headers.AcceptEncoding);
    }

    [Fact]
    public async Task CopyRangeAsync_ServerIgnoresRanges_CopiesWholeFromThenOn()
    {
        _server.Script = context => AnswerAsync(context);
        StoredObject listed = Assert.Single((await _store.ListAsync(null, CancellationToken.None))!.Objects);
        Assert.True(_store.SupportsRanges);

        await Assert.ThrowsAsync<RangesIgnoredException>(() => _store.CopyRangeAsync(listed, 1, 2, Stream.Null, CancellationToken.None));

        Assert.False(_store.SupportsRanges);
        using var destination = new MemoryStream();
        await _store.CopyToAsync(listed, destination, CancellationToken.None);
        Assert.Equal(Model, destination.ToArray());
    }

    private async Task<string?> MarkerAsync() => (await _store.ListAsync(null, CancellationToken.None))!.Marker;

    // Serves the index and the model, whole, and answers conditions if it has what they name.
    private async Task AnswerAsync(HttpContext context, string? tag = null, string? modified = null)
    {
        context.Response.Headers.ETag = tag;
        context.Response.Headers.LastModified = modified;
        if ((tag is not null && context.Request.Headers.IfNoneMatch == tag) || (modified is not null && context.Request.Headers.IfModifiedSince == modified))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        await context.Response.Body.WriteAsync(context.Request.Path.Value!.EndsWith("/index.json", StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(_index) : Model);
    }

    private static Task StatusAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private static string Index(params string[] keys) => System.Text.Json.JsonSerializer.Serialize(new
    {
        objects = keys.Select(key => new { key, size = Model.Length, sha256 = Convert.ToHexString(SHA256.HashData(Model)) }),
    });
}
