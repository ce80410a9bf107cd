using System.Net;
using Microsoft.AspNetCore.Http;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

public sealed class RangeReaderTests : IAsyncLifetime, IDisposable
{
    private const int Size = 100_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly StoredObject Listed = new("iris/1/model.onnx", Size, "tag", DateTimeOffset.UnixEpoch);
    private static readonly byte[] Content = [.. Enumerable.Range(0, Size).Select(i => (byte)(i * 31))];
    private readonly HttpClient _client = new() { Timeout = Timeout.InfiniteTimeSpan };
    private readonly StoreHarness _harness = new();
    private readonly MemoryStream _destination = new();
    private ScriptedWebServer _server = null!;

    public async Task InitializeAsync() => _server = await ScriptedWebServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose()
    {
        _client.Dispose();
        _destination.Dispose();
    }

    [Fact]
    public async Task CopyAsync_Part_AsksForThoseBytesAndWritesThem()
    {
        _server.Script = context => SendAsync(context, 206, Content[10..60], range: $"bytes 10-59/{Size}");

        await CopyAsync(10, 50);

        Assert.Equal(Content[10..60], _destination.ToArray());
        Assert.Equal("bytes=10-59", Assert.Single(_server.Requests).Headers.Range);
    }

    [Fact]
    public async Task CopyAsync_Whole_AsksWithoutRange()
    {
        _server.Script = context => SendAsync(context, 200, Content);

        await CopyAsync(0, Size);

        Assert.Equal(Content, _destination.ToArray());
        Assert.False(Assert.Single(_server.Requests).Headers.ContainsKey("Range"));
    }

    [Fact]
    public async Task CopyAsync_PartOfUnknownTotal_IsBelieved()
    {
        _server.Script = context => SendAsync(context, 206, Content[..5], range: "bytes 0-4/*");

        await CopyAsync(0, 5);

        Assert.Equal(Content[..5], _destination.ToArray());
    }

    [Fact]
    public async Task CopyAsync_NoBytes_AsksNothingUnlessTheObjectIsEmpty()
    {
        _server.Script = context => SendAsync(context, 200, []);

        await CopyAsync(Size, 0);
        Assert.Empty(_server.Requests);

        await CopyAsync(0, 0, Listed with { Size = 0 });
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task CopyAsync_ServerIgnoresRanges_SaysSoAndWritesNothing()
    {
        _server.Script = context => SendAsync(context, 200, Content);

        await Assert.ThrowsAsync<RangesIgnoredException>(() => CopyAsync(10, 50));

        Assert.Equal(0, _destination.Length);
    }

    [Theory]
    [InlineData("bytes 0-49/100000")]
    [InlineData("bytes 10-58/100000")]
    [InlineData("bytes 10-60/100000")]
    [InlineData(null)]
    public async Task CopyAsync_AnotherRange_IsAnIOExceptionAndWritesNothing(string? range)
    {
        _server.Script = context => SendAsync(context, 206, Content[10..60], range);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => CopyAsync(10, 50));

        Assert.Contains("another range", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, _destination.Length);
    }

    [Fact]
    public async Task CopyAsync_PartOfALargerObject_IsObjectChanged()
    {
        _server.Script = context => SendAsync(context, 206, Content[10..60], range: $"bytes 10-59/{Size + 1}");

        Assert.Contains($"{Size + 1}", (await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(10, 50))).Message, StringComparison.Ordinal);
        Assert.Equal(0, _destination.Length);
    }

    [Theory]
    [InlineData(Size - 1)]
    [InlineData(Size + 1)]
    [InlineData(0)]
    public async Task CopyAsync_WholeOfAnotherLength_IsObjectChanged(int size)
    {
        _server.Script = context => SendAsync(context, 200, new byte[size]);

        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(0, Size));

        Assert.Equal(0, _destination.Length);
    }

    [Fact]
    public async Task CopyAsync_WholeWithoutLengthThatGoesOn_IsObjectChanged()
    {
        _server.Script = context => SendAsync(context, 200, [.. Content, 1], tellsLength: false);

        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(0, Size));
    }

    [Fact]
    public async Task CopyAsync_WholeWithoutLengthThatEndsEarly_IsAnIOExceptionAndTheBytesAreRight()
    {
        _server.Script = context => SendAsync(context, 200, Content[..^7], tellsLength: false);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => CopyAsync(0, Size));

        Assert.Contains("7 bytes early", exception.Message, StringComparison.Ordinal);
        Assert.Equal(Content[..^7], _destination.ToArray());
    }

    [Fact]
    public async Task CopyAsync_PartThatGoesOn_IsAnIOException()
    {
        _server.Script = context => SendAsync(context, 206, Content[10..61], $"bytes 10-59/{Size}", tellsLength: false);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => CopyAsync(10, 50));

        Assert.Contains("more than it was asked for", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CopyAsync_Cut_IsAnIOExceptionAndTheBytesSoFarAreRight()
    {
        _server.Script = async context =>
        {
            context.Response.ContentLength = Size;
            await context.Response.Body.WriteAsync(Content.AsMemory(0, 5000));
            await context.Response.Body.FlushAsync();
            context.Abort();
        };

        IOException exception = await Assert.ThrowsAsync<IOException>(() => CopyAsync(0, Size));

        Assert.StartsWith("'iris/1/model.onnx'", exception.Message, StringComparison.Ordinal);
        Assert.Equal(Content[..(int)_destination.Length], _destination.ToArray());
    }

    [Theory]
    [InlineData(404)]
    [InlineData(410)]
    [InlineData(412)]
    [InlineData(416)]
    public async Task CopyAsync_NotThereAnyMore_IsObjectChanged(int status)
    {
        _server.Script = context => SendAsync(context, status, "an error page"u8.ToArray());

        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(10, 50));

        Assert.Equal(0, _destination.Length);
    }

    [Theory]
    [InlineData(401, "credentials")]
    [InlineData(403, "credentials")]
    [InlineData(204, "204")]
    [InlineData(500, "500")]
    [InlineData(503, "503")]
    public async Task CopyAsync_OtherStatus_IsAnIOExceptionThatNamesIt(int status, string expected)
    {
        _server.Script = context => SendAsync(context, status, []);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => CopyAsync(10, 50));

        Assert.Contains("'iris/1/model.onnx'", exception.Message, StringComparison.Ordinal);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CopyAsync_NobodyThere_IsAnIOExceptionThatNamesTheCause()
    {
        await _server.DisposeAsync();

        IOException exception = await Assert.ThrowsAsync<IOException>(() => CopyAsync(10, 50));

        Assert.Contains("refused", exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CopyAsync_NothingArrives_IsGivenUp(bool headersArrive)
    {
        _server.Script = async context =>
        {
            if (headersArrive)
            {
                context.Response.ContentLength = Size;
                await context.Response.Body.WriteAsync(Content.AsMemory(0, 10));
                await context.Response.Body.FlushAsync();
            }

            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };

        IOException exception = await Assert.ThrowsAnyAsync<IOException>(() => CopyAsync(0, Size, patience: TimeSpan.FromMilliseconds(100)));

        Assert.Equal("'iris/1/model.onnx': nothing arrived for 0.1 seconds.", exception.Message);
        Assert.Equal(Content[..(int)_destination.Length], _destination.ToArray());
    }

    [Fact]
    public async Task CopyAsync_CancelledWhileItWaits_IsCancelled()
    {
        using var cancel = new CancellationTokenSource();
        _server.Script = async context =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CopyAsync(0, Size, cancellationToken: cancel.Token));
    }

    [Fact]
    public async Task CopyAsync_DestinationIsCancelled_FailsWithThatAndNotAsAStall()
    {
        _server.Script = context => SendAsync(context, 200, Content);
        using HttpRequestMessage request = Request();

        await Assert.ThrowsAsync<OperationCanceledException>(
            () => RangeReader.CopyAsync(_client, request, Listed, 0, Size, new CancelledStream(), _harness.Context.Traffic, CancellationToken.None));
    }

    private async Task CopyAsync(long offset, long count, StoredObject? source = null, TimeSpan? patience = null, CancellationToken cancellationToken = default)
    {
        using HttpRequestMessage request = Request();
        using var exchange = new PatientExchange($"'{(source ?? Listed).Key}'", patience ?? Patience, time: null, cancellationToken);
        await RangeReader.CopyAsync(
            exchange, _client, request, source ?? Listed, new RangeReader.Part(offset, count), _destination, _harness.Context.Traffic, cancellationToken);
    }

    private HttpRequestMessage Request() => new(HttpMethod.Get, _server.Address);

    private static async Task SendAsync(HttpContext context, int status, byte[] body, string? range = null, bool tellsLength = true)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.ContentRange = range;
        if (body.Length > 0 || status == (int)HttpStatusCode.OK)
        {
            context.Response.ContentLength = tellsLength ? body.Length : null;
            await context.Response.Body.WriteAsync(body);
        }
    }

    private sealed class CancelledStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            throw new OperationCanceledException("the disk's owner left");
    }
}
