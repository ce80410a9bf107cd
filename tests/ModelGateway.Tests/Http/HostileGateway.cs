using System.Net;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>One server for all hostile requests, with small limits; what one of them breaks, the next test notices.</summary>
public sealed class HostileGateway : IAsyncLifetime
{
    public const int MaxBodyBytes = 256 * 1024;

    /// <summary>Stands as a value in hostile bodies and must never come back.</summary>
    public const string Canary = "73917391";

    private const string GoodBody = """{"inputs":{"x":[[1,2]]}}""";
    private const string GoodAnswer = """{"model":"m","version":"1","outputs":{"y":[[2,3]]}}""";
    private HttpGateway? _gateway;

    public HttpGateway Gateway => _gateway!;

    public async Task InitializeAsync() => _gateway = await HttpGateway.StartAsync(
        Fill,
        ("Limits__MaxBodyBytes", $"{MaxBodyBytes}"),
        ("Limits__BodyTimeout", "00:00:02"),
        ("Logging__Requests", "None"));

    public Task DisposeAsync() => Gateway.DisposeAsync().AsTask();

    /// <summary>Sends a body, checks that it is refused as every hostile one must be, and that good requests are answered as before.</summary>
    public async Task<RawResponse> RefuseAsync(string path, byte[] body, string headers = "")
    {
        using RawConnection connection = await Gateway.ConnectAsync();
        RawResponse refusal = await RefuseAsync(connection, RawConnection.Request(path, body, headers));
        await CheckGoodAsync();
        return refusal;
    }

    /// <summary>As above, on a connection of the caller's, which is tried again where it stays open.</summary>
    public static async Task<RawResponse> RefuseAsync(RawConnection connection, ReadOnlyMemory<byte> request)
    {
        await connection.SendAsync(request);
        RawResponse? refusal = await connection.ReadAsync();
        Assert.NotNull(refusal);
        CheckProblem(refusal);
        if (!refusal.Closes)
        {
            await CheckGoodAsync(connection);
        }

        return refusal;
    }

    public static void CheckProblem(RawResponse refusal)
    {
        Assert.InRange(refusal.Status, 400, 499);
        Assert.Equal("application/problem+json", refusal.Headers["Content-Type"]);
        using JsonDocument problem = JsonDocument.Parse(refusal.Body);
        Assert.Equal(refusal.Status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.RootElement.GetProperty("error").GetString()!);
        Assert.Equal(refusal.Headers["X-Request-Id"], problem.RootElement.GetProperty("requestId").GetString());
        Assert.Contains("Server-Timing", refusal.Headers.Keys);
        Assert.DoesNotContain("Exception", refusal.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refusal.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, refusal.Body, StringComparison.Ordinal);
    }

    public async Task CheckGoodAsync()
    {
        using RawConnection fresh = await Gateway.ConnectAsync();
        await CheckGoodAsync(fresh);
    }

    public static async Task CheckGoodAsync(RawConnection connection)
    {
        await connection.SendAsync(RawConnection.Request("/predict/m", Encoding.UTF8.GetBytes(GoodBody)));
        RawResponse? answer = await connection.ReadAsync();
        Assert.NotNull(answer);
        Assert.Equal(((int)HttpStatusCode.OK, GoodAnswer), (answer.Status, answer.Body));
    }

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        repository.AddVersion("mixed", 1, TestModels.MixedTypes());
        repository.AddVersion("text", 1, TestModels.StringIdentity());
        repository.AddVersion("slow", 1, TestModels.Slow(1));
    }
}
