using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Bodies;

/// <summary>The same reader behind the real server and a socket, for what only they do.</summary>
public sealed class RequestBodyReaderKestrelTests : IAsyncLifetime
{
    private const int Limit = 40_000_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly FakeTimeProvider _time = new();
    private readonly TaskCompletionSource _reading = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Exception> _thrown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _app;

    private Uri Address => new(_app!.Urls.Single());

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        var reader = new RequestBodyReader(_time);
        _app.MapPost("/", async http =>
        {
            _reading.TrySetResult();
            try
            {
                RequestBodyResult result = await reader.ReadAsync(http.Request, new RequestBodyLimits(Limit, TimeSpan.FromSeconds(10)));
                using TensorBuffer? body = result.Body;
                await http.Response.WriteAsync(body is null ? $"{result.Error!.Kind}" : $"{body.Memory.Length} {Sum(body.Memory.Span)}");
            }
            catch (OperationCanceledException exception)
            {
                _thrown.TrySetResult(exception);
            }
        });
        await _app.StartAsync();
    }

    public async Task DisposeAsync() => await _app!.DisposeAsync();

    // 35 MB is more than the server's own default.
    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(100_000)]
    [InlineData(35_000_000)]
    public async Task Read_AnnouncedOrChunked_GivesTheBytes(int size)
    {
        byte[] body = [.. Enumerable.Range(0, size).Select(i => (byte)(i * 31))];
        using var client = new HttpClient();
        foreach (bool chunked in new[] { false, true })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Address) { Content = new ByteArrayContent(body) };
            request.Headers.TransferEncodingChunked = chunked;
            using HttpResponseMessage response = await client.SendAsync(request);
            Assert.Equal($"{size} {Sum(body)}", await response.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    public async Task Read_ExpectContinue_IsAskedForTheBody()
    {
        using var client = new HttpClient();
        client.DefaultRequestHeaders.ExpectContinue = true;
        using HttpResponseMessage response = await client.PostAsync(Address, new ByteArrayContent([1, 2, 3]));
        Assert.Equal("3 6", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("Content-Length: 40000001\r\n\r\n", "TooLarge")]
    [InlineData("Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", "UnsupportedEncoding")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "InvalidRequest")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n", "InvalidRequest")]
    public async Task Read_Refused_IsAnsweredAtOnce(string rest, string kind)
    {
        using TcpClient client = await SendAsync(rest);
        Assert.Equal(kind, await BodyOfAsync(client));
    }

    [Fact]
    public async Task Read_BodyThatStops_IsAnsweredAtTheDeadline()
    {
        using TcpClient client = await SendAsync("Content-Length: 100\r\n\r\nabc");
        await _reading.Task.WaitAsync(Patience);

        // The reader starts its clock some time after the handler was entered; the clock moves until it was seen.
        using var stop = new CancellationTokenSource();
        Task clock = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }
        });
        Assert.Equal("BodyTimeout", await BodyOfAsync(client));
        await stop.CancelAsync();
        await clock;
    }

    [Fact]
    public async Task Read_ConnectionReset_IsCancelled()
    {
        TcpClient client = await SendAsync("Content-Length: 100\r\n\r\nabc");
        await _reading.Task.WaitAsync(Patience);
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Dispose();
        await _thrown.Task.WaitAsync(Patience);
    }

    private static long Sum(ReadOnlySpan<byte> bytes)
    {
        long sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return sum;
    }

    private async Task<TcpClient> SendAsync(string rest)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST / HTTP/1.1\r\nHost: localhost\r\n" + rest));
        return client;
    }

    private static async Task<string> BodyOfAsync(TcpClient client)
    {
        using var reader = new StreamReader(client.GetStream());
        for (string? line = await reader.ReadLineAsync().WaitAsync(Patience); line?.Length > 0;)
        {
            line = await reader.ReadLineAsync().WaitAsync(Patience);
        }

        // Chunked: the length, then the text.
        await reader.ReadLineAsync().WaitAsync(Patience);
        return await reader.ReadLineAsync().WaitAsync(Patience) ?? "";
    }
}
