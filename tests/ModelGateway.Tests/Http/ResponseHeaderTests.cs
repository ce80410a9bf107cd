using System.Text;
using System.Text.RegularExpressions;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>Every answer says which request it answers and how long that took.</summary>
public sealed partial class ResponseHeaderTests : IAsyncLifetime
{
    private HttpGateway? _gateway;

    private HttpGateway Gateway => _gateway!;

    public async Task InitializeAsync() => _gateway = await HttpGateway.StartAsync(
        repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("broken", 1, TestModels.Broken());
        },
        ("Limits__MaxBodyBytes", "2000"));

    public Task DisposeAsync() => Gateway.DisposeAsync().AsTask();

    [Theory]
    [InlineData("GET", "/health/live", "", 200)]
    [InlineData("GET", "/health/ready", "", 200)]
    [InlineData("GET", "/metrics", "", 200)]
    [InlineData("GET", "/v2", "", 200)]
    [InlineData("GET", "/v2/models", "", 200)]
    [InlineData("GET", "/v2/models/m", "", 200)]
    [InlineData("GET", "/v2/models/m/ready", "", 200)]
    [InlineData("GET", "/v2/models/nobody", "", 404)]
    [InlineData("GET", "/v2/logging", "", 200)]
    [InlineData("POST", "/v2/logging", "{", 400)]
    [InlineData("POST", "/v2/logging", """{"level":"loud"}""", 400)]
    [InlineData("POST", "/v2/repository/index", "", 200)]
    [InlineData("POST", "/predict/m", """{"inputs":{"x":[[1]]}}""", 200)]
    [InlineData("POST", "/predict/m", "{", 400)]
    [InlineData("POST", "/predict/broken", "{}", 503)]
    [InlineData("POST", "/predict/nobody", "{}", 404)]
    [InlineData("POST", "/predict", "{}", 400)]
    [InlineData("POST", "/v2/models/m/infer", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""", 200)]
    [InlineData("POST", "/v2/models/m/infer", "[]", 400)]
    [InlineData("GET", "/nowhere", "", 404)]
    [InlineData("GET", "/predict/m", "", 405)]
    public async Task Answer_OfAnyEndpoint_CarriesIdAndTiming(string method, string path, string body, int status)
    {
        using RawConnection connection = await Gateway.ConnectAsync();
        await connection.SendAsync($"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Request-Id: caller-1.a:b_C\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        RawResponse? answer = await connection.ReadAsync();
        Check(answer!, status);
        Assert.Equal("caller-1.a:b_C", answer!.Headers["X-Request-Id"]);
        if (status >= 400)
        {
            Assert.Equal("application/problem+json", answer.Headers["Content-Type"]);
            Assert.Contains("\"error\":", answer.Body, StringComparison.Ordinal);
            Assert.Contains("\"requestId\":\"caller-1.a:b_C\"", answer.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Answer_TooLarge_CarriesIdAndTiming()
    {
        using RawConnection connection = await Gateway.ConnectAsync();
        await connection.SendAsync(RawConnection.Request("/predict/m", new byte[2001]));
        Check((await connection.ReadAsync())!, 413);
    }

    [Fact]
    public async Task Answer_Unauthorized_CarriesIdAndTiming()
    {
        await using HttpGateway guarded = await HttpGateway.StartAsync(
            _ => { },
            ("Auth__Enabled", null),
            ("Auth__Issuer", "https://issuer.example"),
            ("Auth__Keys__0__Secret", Convert.ToBase64String(new byte[64])));
        using RawConnection connection = await guarded.ConnectAsync();
        await connection.SendAsync(RawConnection.Request("/predict/m", [], "X-Request-Id: caller-1\r\n"));
        RawResponse? answer = await connection.ReadAsync();
        Check(answer!, 401);
        Assert.Equal("caller-1", answer!.Headers["X-Request-Id"]);
        Assert.Equal("application/problem+json", answer.Headers["Content-Type"]);
    }

    [Theory]
    [InlineData("/predict/m", """{"inputs":{"x":[[1]]}}""")]
    [InlineData("/v2/models/m/infer", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""")]
    public async Task Answer_OfAPrediction_TellsItsStages(string path, string body)
    {
        using RawConnection connection = await Gateway.ConnectAsync();
        await connection.SendAsync(RawConnection.Request(path, Encoding.UTF8.GetBytes(body)));
        RawResponse? answer = await connection.ReadAsync();
        Check(answer!, 200);
        Assert.Equal(["read", "cache", "wait", "run", "write"], Metric().Matches(answer!.Headers["Server-Timing"]).Select(match => match.Groups[1].Value));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with blank")]
    [InlineData("<script>")]
    [InlineData("a\"b")]
    [InlineData("a,b")]
    [InlineData("a;b=c")]
    [InlineData("\u00e9")]
    [InlineData("{0}")]
    [InlineData("one\r\nX-Request-Id: two")]
    public async Task RequestId_Harmful_IsReplaced(string id)
    {
        using RawConnection connection = await Gateway.ConnectAsync();
        await connection.SendAsync(RawConnection.Request("/predict/nobody", [], $"X-Request-Id: {id}\r\n"));
        RawResponse? answer = await connection.ReadAsync();
        Check(answer!, 404);
        Assert.Matches("^[A-Z0-9]+:[0-9A-F]{8}$", answer!.Headers["X-Request-Id"]);
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public async Task RequestId_Long_IsTakenUpToALimit(int length, bool taken)
    {
        string id = new('a', length);
        using RawConnection connection = await Gateway.ConnectAsync();
        await connection.SendAsync(RawConnection.Request("/predict/nobody", [], $"X-Request-Id: {id}\r\n"));
        RawResponse? answer = await connection.ReadAsync();
        Assert.Equal(taken, answer!.Headers["X-Request-Id"] == id);
    }

    private static void Check(RawResponse answer, int status)
    {
        Assert.True(status == answer.Status, $"{answer.Status} {answer.Body}");
        Assert.NotEmpty(answer.Headers["X-Request-Id"]);
        Assert.NotEmpty(Metric().Matches(answer.Headers["Server-Timing"]));
        Assert.DoesNotContain("Server", answer.Headers.Keys);
    }

    [GeneratedRegex(@"(?:^|, )([a-z]+);dur=\d+\.\d{3}(?=,|$)")]
    private static partial Regex Metric();
}
