using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Faults;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit;

public sealed class FaultProxyTests : IAsyncLifetime, IDisposable
{
    private static readonly byte[] Content = CreateContent();

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false });
    private readonly TaskCompletionSource _nextPart = new();
    private WebApplication _origin = null!;
    private FaultProxy _proxy = null!;

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.Listen(IPAddress.Loopback, 0);
            options.Limits.MaxResponseBufferSize = 0;
        });
        _origin = builder.Build();
        _origin.Run(AnswerAsync);
        await _origin.StartAsync();
        _proxy = await FaultProxy.StartAsync(new Uri(_origin.Urls.Single()));
        _client.BaseAddress = _proxy.Address;
    }

    public async Task DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _origin.DisposeAsync();
    }

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData("/echo/a%2Fb/%41%7e/../c%20d//e?x=%2f&y=+%20&sig=a%2Bb%3D")]
    [InlineData("/echo/%C3%BC'()*!;:@$,~")]
    public async Task Forward_PathAndQuery_ArriveByteByByte(string target)
    {
        // By hand: HttpClient would tidy up the path.
        string answer = await AskAsync($"GET {target} HTTP/1.1\r\nHost: store.example\r\nX-Odd: a,  b;\tc\r\nConnection: close\r\nTE: trailers\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains($"target={target}\n", answer, StringComparison.Ordinal);
        Assert.Contains("Host=store.example\n", answer, StringComparison.Ordinal);
        Assert.Contains("X-Odd=a,  b;\tc\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("trailers", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("traceparent", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(target, Assert.Single(_proxy.Requests).PathAndQuery);
    }

    [Fact]
    public async Task Forward_RewriteHost_TellsTheOriginItsOwnName()
    {
        _proxy.RewriteHost = true;

        Assert.Contains($"Host={_proxy.Target.Authority}\n", await _client.GetStringAsync("/echo"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forward_TargetWithAPath_PutsItInFront()
    {
        _proxy.Target = new Uri(_proxy.Target, "/echo/below/");

        Assert.Contains("target=/echo/below/x?y\n", await _client.GetStringAsync("/x?y"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Forward_RequestBody_ArrivesWhole(bool chunked)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "/body") { Content = new ByteArrayContent(Content) };
        request.Headers.TransferEncodingChunked = chunked;

        using HttpResponseMessage response = await _client.SendAsync(request);

        Assert.Equal(Content, await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(chunked ? "chunked" : $"{Content.Length}", response.Headers.GetValues("X-Framing").Single());
    }

    [Theory]
    [InlineData("GET", 200)]
    [InlineData("HEAD", 200)]
    [InlineData("GET", 204)]
    [InlineData("GET", 304)]
    [InlineData("PUT", 201)]
    [InlineData("GET", 302)]
    [InlineData("GET", 404)]
    public async Task Forward_AnyAnswer_KeepsStatusAndHeaders(string method, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/status?{status}");
        request.Content = method == "PUT" ? new ByteArrayContent([]) : null;

        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = _proxy.Address };
        using HttpResponseMessage response = await client.SendAsync(request);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("Odd Reason", response.ReasonPhrase);
        Assert.Equal("\"tag\"", response.Headers.ETag!.Tag);
        Assert.Equal(["a", "b"], response.Headers.GetValues("X-Two"));
        Assert.Equal(method == "HEAD" ? Content.Length : 0, response.Content.Headers.ContentLength ?? 0);
    }

    [Fact]
    public async Task Forward_BodyInParts_ArrivesAsItComes()
    {
        using HttpResponseMessage response = await _client.GetAsync("/parts", HttpCompletionOption.ResponseHeadersRead);
        await using Stream body = await response.Content.ReadAsStreamAsync();
        byte[] part = new byte[3];

        // The origin sends the second part only when it is asked for it: a proxy that gathers would wait for ever.
        await body.ReadExactlyAsync(part);
        Assert.Equal("one"u8, part);
        await _client.GetStringAsync("/next");
        await body.ReadExactlyAsync(part);
        Assert.Equal("two"u8, part);
        Assert.Equal(0, await body.ReadAsync(part));
    }

    [Fact]
    public async Task Forward_OriginAway_Is502()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        _proxy.Target = new Uri($"http://{probe.LocalEndpoint}");
        probe.Stop();

        using HttpResponseMessage response = await _client.GetAsync("/content");

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
    }

    [Fact]
    public async Task Forward_OriginBreaksOff_ClientSeesIt()
    {
        (byte[] received, Exception? failure) = await ReceiveAsync("/broken");

        Assert.Equal(Content[..received.Length], received);
        Assert.True(failure is IOException or HttpRequestException { StatusCode: null }, failure?.ToString());
    }

    [Fact]
    public async Task Counters_Requests_AreCountedByPathAndBytes()
    {
        await _client.GetStringAsync("/content");
        await _client.GetStringAsync("/content?again");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/next");
        request.Headers.Range = new(3, 5);
        using HttpResponseMessage response = await _client.SendAsync(request);

        Assert.Equal(new Dictionary<string, int> { ["/content"] = 2, ["/next"] = 1 }, _proxy.RequestsByPath);
        Assert.Equal(2 * Content.Length, _proxy.BytesForwarded);
        Assert.Equal(new FaultRequest(3, "GET", "/next", "bytes=3-5"), _proxy.Requests[2]);
        Assert.Empty(_proxy.FaultsInjected);
    }

    [Fact]
    public async Task WaitForRequestAsync_BeforeAndAfterItsArrival_IsThatRequest()
    {
        Task<FaultRequest> early = _proxy.WaitForRequestAsync(request => request.Path == "/next");
        await _client.GetStringAsync("/content");
        Assert.False(early.IsCompleted);

        await _client.GetStringAsync("/next?x");

        Assert.Equal(2, (await early).Number);
        Assert.Equal(await early, await _proxy.WaitForRequestAsync(request => request.Path == "/next"));
    }

    [Fact]
    public async Task Cut_BeforeTheHeaders_AnswersNothing()
    {
        _proxy.Choose = _ => new Cut();

        await Assert.ThrowsAsync<HttpRequestException>(() => _client.GetAsync("/content"));
        AssertInjected("Cut");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public async Task Cut_InTheBody_ResetsThere(int afterBytes)
    {
        _proxy.Choose = _ => new Cut(afterBytes);

        (byte[] received, Exception? failure) = await ReceiveAsync("/content");

        Assert.True(failure is IOException or HttpRequestException { StatusCode: null }, failure?.ToString());
        Assert.InRange(received.Length, 0, afterBytes);
        Assert.Equal(Content[..received.Length], received);
        AssertInjected("Cut");
    }

    [Fact]
    public async Task Cut_BehindTheEnd_PassesTheBodyWhole()
    {
        _proxy.Choose = _ => new Cut(Content.Length + 1);

        Assert.Equal(Content, await _client.GetByteArrayAsync("/content"));
        Assert.Empty(_proxy.FaultsInjected);
    }

    [Fact]
    public async Task Delay_Gate_WaitsUntilItOpens()
    {
        var gate = new TaskCompletionSource();
        _proxy.Choose = request => request.Number == 1 ? new Delay(gate.Task) : null;

        Task<byte[]> delayed = _client.GetByteArrayAsync("/content");
        await _proxy.WaitForRequestAsync(request => request.Number == 1);
        await _client.GetByteArrayAsync("/content");
        Assert.False(delayed.IsCompleted);
        gate.SetResult();

        Assert.Equal(Content, await delayed);
        AssertInjected("Delay");
    }

    [Fact]
    public async Task Delay_Duration_IsByTheClockGiven()
    {
        var time = new FakeTimeProvider();
        var waits = new TaskCompletionSource();
        _proxy.Choose = _ => new Delay(async cancellationToken =>
        {
            Task wait = Task.Delay(TimeSpan.FromHours(1), time, cancellationToken);
            waits.SetResult();
            await wait;
        });

        Task<byte[]> delayed = _client.GetByteArrayAsync("/content");
        await waits.Task;
        Assert.False(delayed.IsCompleted);
        time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(Content, await delayed);
    }

    [Fact]
    public async Task Slow_Gate_SendsAPieceEachTime()
    {
        using var gate = new SemaphoreSlim(0);
        _proxy.Choose = _ => new Slow(70_000, gate.WaitAsync);
        using HttpResponseMessage response = await _client.GetAsync("/content", HttpCompletionOption.ResponseHeadersRead);
        await using Stream body = await response.Content.ReadAsStreamAsync();
        byte[] received = new byte[Content.Length];

        await body.ReadExactlyAsync(received.AsMemory(0, 70_000));
        Assert.Equal(70_000, _proxy.BytesForwarded);
        gate.Release(Content.Length);
        await body.ReadExactlyAsync(received.AsMemory(70_000));

        Assert.Equal(Content, received);
        AssertInjected("Slow");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public async Task Truncate_KnownLength_ClientMissesTheRest(int atBytes)
    {
        _proxy.Choose = _ => new Truncate(atBytes);

        (byte[] received, Exception? failure) = await ReceiveAsync("/content");

        Assert.Equal(HttpRequestError.ResponseEnded, Assert.IsType<HttpIOException>(failure).HttpRequestError);
        Assert.Equal(Content[..atBytes], received);
        AssertInjected("Truncate");
    }

    [Theory]
    [InlineData("/content", 0)]
    [InlineData("/content", 100_000)]
    [InlineData("/chunked", 100_000)]
    public async Task Truncate_Unseen_LooksWhole(string path, int atBytes)
    {
        _proxy.Choose = request => request.Number == 1 ? new Truncate(atBytes, Unseen: true) : null;

        Assert.Equal(Content[..atBytes], await _client.GetByteArrayAsync(path));
        Assert.Equal(Content, await _client.GetByteArrayAsync(path));
        AssertInjected("Truncate");
    }

    [Fact]
    public async Task Truncate_UnknownLength_IsAReset()
    {
        _proxy.Choose = _ => new Truncate(100_000);

        (byte[] received, Exception? failure) = await ReceiveAsync("/chunked");

        Assert.NotNull(failure);
        Assert.InRange(received.Length, 0, 100_000);
    }

    [Fact]
    public async Task Truncate_ShorterBody_PassesWhole()
    {
        _proxy.Choose = _ => new Truncate(Content.Length);

        Assert.Equal(Content, await _client.GetByteArrayAsync("/content"));
        Assert.Empty(_proxy.FaultsInjected);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public async Task Corrupt_OneByte_IsTheOnlyOneThatDiffers(int atOffset)
    {
        _proxy.Choose = _ => new Corrupt(atOffset, Bits: 0x81);

        byte[] received = await _client.GetByteArrayAsync("/content");

        Assert.Equal(Content[atOffset] ^ 0x81, received[atOffset]);
        received[atOffset] = Content[atOffset];
        Assert.Equal(Content, received);
        AssertInjected("Corrupt");
    }

    [Fact]
    public async Task Corrupt_BehindTheEnd_PassesTheBodyWhole()
    {
        _proxy.Choose = _ => new Corrupt(Content.Length);

        Assert.Equal(Content, await _client.GetByteArrayAsync("/content"));
        Assert.Empty(_proxy.FaultsInjected);
    }

    [Fact]
    public async Task Status_Any_IsAnsweredInTheOriginsPlace()
    {
        _proxy.Choose = request => request.Method == "PUT" ? new Status(500) : new Status(503, "<busy/>", "application/xml");

        using HttpResponseMessage busy = await _client.GetAsync("/content");
        using HttpResponseMessage broken = await _client.PutAsync("/content", new ByteArrayContent(Content));

        Assert.Equal((503, "<busy/>", "application/xml"), ((int)busy.StatusCode, await busy.Content.ReadAsStringAsync(), busy.Content.Headers.ContentType!.ToString()));
        Assert.Equal((500, ""), ((int)broken.StatusCode, await broken.Content.ReadAsStringAsync()));
        AssertInjected("Status", 2);
    }

    [Fact]
    public async Task Hang_Released_GoesOnAndLaterOnesHangAgain()
    {
        _proxy.Choose = _ => new Hang();
        Task<byte[]> first = _client.GetByteArrayAsync("/content");
        await _proxy.WaitForRequestAsync(request => request.Number == 1);

        _proxy.ReleaseHung();
        Assert.Equal(Content, await first);

        using var impatient = new CancellationTokenSource();
        Task<byte[]> second = _client.GetByteArrayAsync("/content", impatient.Token);
        await _proxy.WaitForRequestAsync(request => request.Number == 2);
        Assert.False(second.IsCompleted);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
    }

    [Fact]
    public async Task DisposeAsync_RequestHangs_ResetsIt()
    {
        _proxy.Choose = _ => new Hang();
        Task<byte[]> hung = _client.GetByteArrayAsync("/content");
        await _proxy.WaitForRequestAsync(request => request.Number == 1);

        await _proxy.DisposeAsync();

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => hung);
        AssertInjected("Hang");
    }

    [Fact]
    public async Task Vanish_AndReappear_RefusesAndAnswersOnTheSamePort()
    {
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(Content, await _client.GetByteArrayAsync("/content"));

            await _proxy.VanishAsync();
            HttpRequestException refused = await Assert.ThrowsAsync<HttpRequestException>(() => _client.GetAsync("/content"));
            Assert.Equal(SocketError.ConnectionRefused, Assert.IsType<SocketException>(refused.InnerException).SocketErrorCode);

            await _proxy.ReappearAsync();
        }

        Assert.Equal(Content, await _client.GetByteArrayAsync("/content"));
    }

    [Fact]
    public async Task Vanish_BodyOnItsWay_ResetsIt()
    {
        _proxy.Choose = _ => new Slow(10, cancellationToken => Task.Delay(Timeout.Infinite, cancellationToken));
        using HttpResponseMessage response = await _client.GetAsync("/content", HttpCompletionOption.ResponseHeadersRead);
        await using Stream body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[10]);

        await _proxy.VanishAsync();

        await Assert.ThrowsAnyAsync<IOException>(() => body.ReadExactlyAsync(new byte[1]).AsTask());
    }

    private async Task AnswerAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        string path = context.Request.Path.Value!.Split('/')[1];
        switch (path)
        {
            case "echo":
                string target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
                await response.WriteAsync($"target={target}\n{string.Concat(context.Request.Headers.Select(header => $"{header.Key}={header.Value}\n"))}");
                break;
            case "body":
                response.Headers["X-Framing"] = context.Request.Headers.TransferEncoding.Count > 0 ? "chunked" : $"{context.Request.ContentLength}";
                await context.Request.Body.CopyToAsync(response.Body);
                break;
            case "status":
                response.StatusCode = int.Parse(context.Request.QueryString.Value![1..], System.Globalization.CultureInfo.InvariantCulture);
                context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = "Odd Reason";
                response.Headers.ETag = "\"tag\"";
                response.Headers["X-Two"] = new[] { "a", "b" };
                response.Headers.Location = "http://127.0.0.1:1/elsewhere";
                response.ContentLength = context.Request.Method == "HEAD" ? Content.Length : null;
                break;
            case "parts":
                await response.WriteAsync("one");
                await response.Body.FlushAsync();
                await _nextPart.Task.WaitAsync(context.RequestAborted);
                await response.WriteAsync("two");
                break;
            case "next":
                _nextPart.SetResult();
                break;
            case "broken":
                response.ContentLength = Content.Length;
                await response.Body.WriteAsync(Content.AsMemory(0, 1000));
                break;
            default:
                response.ContentLength = path == "chunked" ? null : Content.Length;
                await response.Body.WriteAsync(Content);
                break;
        }
    }

    private async Task<(byte[] Received, Exception? Failure)> ReceiveAsync(string path)
    {
        using var received = new MemoryStream();
        Exception? failure = await Record.ExceptionAsync(async () =>
        {
            using HttpResponseMessage response = await _client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead);
            response.EnsureSuccessStatusCode();
            await using Stream body = await response.Content.ReadAsStreamAsync();
            await body.CopyToAsync(received);
        });
        return (received.ToArray(), failure);
    }

    private async Task<string> AskAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_proxy.Address.Host, _proxy.Address.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var answer = new MemoryStream();
        await stream.CopyToAsync(answer);
        return Encoding.ASCII.GetString(answer.ToArray());
    }

    private void AssertInjected(string kind, int count = 1) => Assert.Equal(new Dictionary<string, int> { [kind] = count }, _proxy.FaultsInjected);

    private static byte[] CreateContent()
    {
        byte[] content = new byte[300_000];
        new Random(1).NextBytes(content);
        return content;
    }
}
