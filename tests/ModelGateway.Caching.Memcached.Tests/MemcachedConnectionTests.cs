using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace ModelGateway.Caching.Memcached.Tests;

public sealed class MemcachedConnectionTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly FakeTimeProvider _time = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private TcpClient _client = null!;
    private TcpClient _server = null!;
    private MemcachedConnection _connection = null!;
    private Task _running = null!;

    public async Task InitializeAsync()
    {
        _listener.Start();
        _client = new TcpClient();
        await _client.ConnectAsync((IPEndPoint)_listener.LocalEndpoint);
        _server = await _listener.AcceptTcpClientAsync();
        _connection = new MemcachedConnection(new MemcachedAddress("localhost", 1), _client.GetStream(), 1000, _time);
        _running = _connection.RunAsync();
    }

    public async Task DisposeAsync()
    {
        _connection.Dispose();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _server.Dispose();
        _client.Dispose();
        _listener.Dispose();
    }

    [Fact]
    public async Task Send_SeveralRequests_AreAnsweredInOrder()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b"), Get("c")];

        await AnswerAsync($"VA 1 O{requests[0].Opaque}\r\nA\r\nEN O{requests[1].Opaque}\r\nVA 1 O{requests[2].Opaque}\r\nC\r\n");

        Assert.Equal("A", await TextAsync(requests[0]));
        Assert.Null(await TextAsync(requests[1]));
        Assert.Equal("C", await TextAsync(requests[2]));
    }

    [Fact]
    public async Task Send_AnswersSwapped_FailsAllAndGivesNoneToAnother()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        await AnswerAsync($"VA 1 O{requests[1].Opaque}\r\nB\r\nVA 1 O{requests[0].Opaque}\r\nA\r\n");

        await FailAsync(requests);
        await FailAsync(Get("c"));
    }

    [Fact]
    public async Task Send_AnAnswerTooMany_NeverGivesAnothersValue()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        await AnswerAsync($"EN\r\nVA 1 O{requests[0].Opaque}\r\nA\r\nVA 1 O{requests[1].Opaque}\r\nB\r\n");

        Assert.Null(await TextAsync(requests[0]));
        await FailAsync(requests[1]);
    }

    [Fact]
    public async Task Send_AnswerWithoutNumber_FailsUnlessItIsAMiss()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        await AnswerAsync("EN\r\nVA 1\r\nA\r\n");

        Assert.Null(await TextAsync(requests[0]));
        await FailAsync(requests[1]);
    }

    [Fact]
    public async Task RunAsync_AnswerThatNobodyAskedFor_EndsTheConnection()
    {
        await AnswerAsync("EN O1\r\n");

        await Assert.ThrowsAsync<InvalidDataException>(() => _running.WaitAsync(Patience));
        await FailAsync(Get("a"));
    }

    [Theory]
    [InlineData("HD O{0}\r\n")]
    [InlineData("NF O{0}\r\n")]
    [InlineData("CLIENT_ERROR bad command line format\r\n")]
    [InlineData("<html>\r\n")]
    [InlineData("VA 5 O{0}\r\nabc\r\nabcdefgh\r\n")]
    public async Task Send_AnswerOfAnotherKind_FailsAllThatWait(string answer)
    {
        MemcachedRequest[] requests = [Get("a"), Get("b"), Get("c")];

        await AnswerAsync(string.Format(null, answer, requests[0].Opaque));

        await FailAsync(requests);
    }

    [Fact]
    public async Task Send_ConnectionCutWithinAValue_FailsAllThatWait()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        await AnswerAsync($"VA 5 O{requests[0].Opaque}\r\nabc");
        _server.Dispose();

        await FailAsync(requests);
    }

    [Fact]
    public async Task Send_ServerError_FailsItsRequestAlone()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        await AnswerAsync($"SERVER_ERROR out of memory\r\nVA 1 O{requests[1].Opaque}\r\nB\r\n");

        await FailAsync(requests[0]);
        Assert.Equal("B", await TextAsync(requests[1]));
    }

    [Fact]
    public async Task Send_ValueOverTheLimit_IsAsIfThereWereNone()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        await AnswerAsync($"VA 1001 O{requests[0].Opaque}\r\n{new string('x', 1001)}\r\nVA 1 O{requests[1].Opaque}\r\nB\r\n");

        Assert.Null(await TextAsync(requests[0]));
        Assert.Equal("B", await TextAsync(requests[1]));
    }

    [Fact]
    public async Task Send_CallerLeft_ItsAnswerIsReadAllTheSame()
    {
        MemcachedRequest[] requests = [Get("a"), Get("b")];

        Assert.True(requests[0].TrySetCanceled());
        await AnswerAsync($"VA 1 O{requests[0].Opaque}\r\nA\r\nVA 1 O{requests[1].Opaque}\r\nB\r\n");

        Assert.Equal("B", await TextAsync(requests[1]));
    }

    [Fact]
    public async Task Send_ServerSilent_EndsTheConnectionAfterAWhile()
    {
        MemcachedRequest request = Get("a");

        // The first look may see the request go out.
        _time.Advance(TimeSpan.FromMilliseconds(500));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(request.Task.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.IsType<TimeoutException>((await FailAsync(request)).InnerException);
    }

    [Fact]
    public async Task Send_NobodyWaits_SilenceIsNoFault()
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        MemcachedRequest request = Get("a");
        _time.Advance(TimeSpan.FromMilliseconds(500));

        await AnswerAsync($"EN O{request.Opaque}\r\n");

        Assert.Null(await TextAsync(request));
    }

    [Fact]
    public async Task Send_MoreThanAreAnswered_FailsAtOnce()
    {
        MemcachedRequest[] requests = [.. Enumerable.Range(0, 1024).Select(index => Get($"{index}"))];

        Assert.Contains("waiting", (await FailAsync(Get("one more"))).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(requests, request => request.Task.IsCompleted);
    }

    [Fact]
    public async Task Dispose_RequestsWait_FailsThem()
    {
        MemcachedRequest request = Get("a");

        _connection.Dispose();

        await FailAsync(request);
    }

    private MemcachedRequest Get(string key)
    {
        var commands = new MemcachedCommands();
        MemcachedRequest request = commands.Get(Encoding.ASCII.GetBytes(key));
        _connection.Send(commands);
        return request;
    }

    private async Task AnswerAsync(string answer) => await _server.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));

    private static async Task<string?> TextAsync(MemcachedRequest request)
    {
        using IMemoryOwner<byte>? value = (await request.Task.WaitAsync(Patience)).Value;
        return value is null ? null : Encoding.ASCII.GetString(value.Memory.Span);
    }

    private static async Task<IOException> FailAsync(params MemcachedRequest[] requests)
    {
        foreach (MemcachedRequest request in requests[1..])
        {
            await Assert.ThrowsAsync<IOException>(() => request.Task.WaitAsync(Patience));
        }

        return await Assert.ThrowsAsync<IOException>(() => requests[0].Task.WaitAsync(Patience));
    }
}
