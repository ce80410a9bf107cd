using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>Requests that are wrong before their body: targets, methods, headers.</summary>
public sealed class HostileRequestTests(HostileGateway hostile) : IClassFixture<HostileGateway>
{
    [Theory]
    [InlineData("GET /predict/m", 405)]
    [InlineData("DELETE /predict/m", 405)]
    [InlineData("TRACE /predict/m", 405)]
    [InlineData("FROBNICATE /predict/m", 405)]
    [InlineData("POST /health/live", 405)]
    [InlineData("GET /", 404)]
    [InlineData("GET /nowhere", 404)]
    [InlineData("OPTIONS *", 404)]
    [InlineData("POST /predict/m/versions/1/more", 404)]
    [InlineData("POST /predict/m/versions/0", 404)]
    [InlineData("POST /predict/m/versions/-1", 404)]
    [InlineData("POST /predict/m/versions/99999999999999999999", 404)]
    [InlineData("POST /predict/m/versions/%0d%0aX-Evil:1", 404)]
    [InlineData("POST /predict/nobody", 404)]
    [InlineData("POST /predict/M", 404)]
    [InlineData("POST /predict/..%2f..%2fetc%2fpasswd", 404)]
    [InlineData("POST /predict/../../etc/passwd", 404)]
    [InlineData("POST /predict/%ff%fe", 404)]
    [InlineData("POST /predict/%F0%9F%98%80", 404)]
    [InlineData("POST /predict/m;x=1", 404)]
    [InlineData("POST /predict//m", 404)]
    [InlineData("POST http://elsewhere/predict/nobody", 404)]
    public async Task Request_WrongTargetOrMethod_IsAProblem(string line, int status)
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync($"{line} HTTP/1.1\r\nHost: {(line.Contains("elsewhere", StringComparison.Ordinal) ? "elsewhere" : "localhost")}\r\nContent-Length: 0\r\n\r\n");
        RawResponse? refusal = await connection.ReadAsync();
        HostileGateway.CheckProblem(refusal!);
        Assert.Equal(status, refusal!.Status);
        await HostileGateway.CheckGoodAsync(connection);
    }

    [Fact]
    public async Task Head_WrongTarget_HasNoBody()
    {
        using HttpResponseMessage answer = await hostile.Gateway.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, new Uri("/nowhere", UriKind.Relative)));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);
        Assert.True(answer.Headers.Contains("X-Request-Id"));
        await hostile.CheckGoodAsync();
    }

    // The server refuses these before there is a request that could have an id.
    [Theory]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("POST /predict/m\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/9.9\r\nHost: localhost\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("POST predict/m HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("POST /predict/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n")]
    [InlineData("POST /predict/m HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\n\r\n")]
    public async Task Request_NotHttp_IsRefusedAndTheConnectionEnds(string request) => await CheckRefusedByServerAsync(request);

    [Fact]
    public async Task Request_TenThousandHeaders_IsRefused() =>
        await CheckRefusedByServerAsync($"POST /predict/m HTTP/1.1\r\nHost: localhost\r\n{string.Concat(Enumerable.Range(0, 10_000).Select(i => $"h{i}: 1\r\n"))}\r\n");

    [Fact]
    public async Task Request_HeaderOfAMegabyte_IsRefused() =>
        await CheckRefusedByServerAsync($"POST /predict/m HTTP/1.1\r\nHost: localhost\r\nX-Big: {new string('a', 1 << 20)}\r\n\r\n");

    [Fact]
    public async Task Request_TargetOfAMegabyte_IsRefused() =>
        await CheckRefusedByServerAsync($"POST /predict/{new string('a', 1 << 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n");

    [Fact]
    public async Task Predict_LongNameOfNoModel_IsNotRepeatedInFull()
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        RawResponse refusal = await HostileGateway.RefuseAsync(connection, RawConnection.Request($"/predict/{new string('a', 7000)}", []));
        Assert.Equal(404, refusal.Status);
        Assert.True(refusal.Body.Length < 1500);
    }

    private async Task CheckRefusedByServerAsync(string request)
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(request);
        RawResponse? refusal = await connection.ReadAsync();

        // A server that closes while more is being sent resets the connection, and the answer may be lost on the way.
        Assert.True(refusal is null or { Status: (>= 400 and < 500) or 505 }, $"{refusal?.Status}");
        Assert.Null(await connection.ReadAsync());
        await hostile.CheckGoodAsync();
    }
}
