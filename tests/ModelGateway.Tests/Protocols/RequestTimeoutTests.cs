using Microsoft.AspNetCore.Http;
using ModelGateway.Protocols;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Tests.Protocols;

public class RequestTimeoutTests
{
    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("2s", 2_000)]
    [InlineData("1.5", 1_500)]
    [InlineData("0", 0)]
    [InlineData("99999999999999999999", 86_400_000)]
    public void Read_OwnHeader_TakesSecondsAndMilliseconds(string text, double milliseconds) => Assert.Equal(milliseconds, Read(text, null)!.Value.TotalMilliseconds);

    [Theory]
    [InlineData("2H", 7_200_000)]
    [InlineData("3M", 180_000)]
    [InlineData("4S", 4_000)]
    [InlineData("5m", 5)]
    [InlineData("600u", 0.6)]
    [InlineData("1n", 0.0001)]
    [InlineData("99999999H", 86_400_000)]
    public void Read_GrpcHeader_TakesItsUnits(string text, double milliseconds) => Assert.Equal(milliseconds, Read(null, text)!.Value.TotalMilliseconds);

    [Fact]
    public void Read_Both_TakesTheShorter()
    {
        Assert.Equal(5, Read("1s", "5m")!.Value.TotalMilliseconds);
        Assert.Equal(1, Read("1ms", "5m")!.Value.TotalMilliseconds);
        Assert.Null(Read(null, null));
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("soon", null)]
    [InlineData("-1s", null)]
    [InlineData("1e3", null)]
    [InlineData("NaN", null)]
    [InlineData("ms", null)]
    [InlineData("1m", null)]
    [InlineData(null, "")]
    [InlineData(null, "5")]
    [InlineData(null, "m")]
    [InlineData(null, "-5m")]
    [InlineData(null, "5x")]
    [InlineData(null, "123456789S")]
    public void Read_AnythingElse_IsAFaultThatNamesTheHeader(string? own, string? grpc)
    {
        var faults = new FaultList();

        Assert.Null(Read(own, grpc, faults));
        Assert.Equal(own is null ? "grpc-timeout" : "X-Request-Timeout", Assert.Single(faults.Faults).Target);
    }

    [Fact]
    public void Apply_BodyGivesLess_KeepsThat()
    {
        using var request = new PredictRequest { Timeout = TimeSpan.FromSeconds(1) };

        RequestTimeout.Apply(TimeSpan.FromSeconds(2), request);
        Assert.Equal(TimeSpan.FromSeconds(1), request.Timeout);
        RequestTimeout.Apply(null, request);
        Assert.Equal(TimeSpan.FromSeconds(1), request.Timeout);
        RequestTimeout.Apply(TimeSpan.FromMilliseconds(5), request);
        Assert.Equal(TimeSpan.FromMilliseconds(5), request.Timeout);
    }

    private static TimeSpan? Read(string? own, string? grpc, FaultList? faults = null)
    {
        var headers = new HeaderDictionary();
        if (own is not null)
        {
            headers[RequestTimeout.Header] = own;
        }

        if (grpc is not null)
        {
            headers[RequestTimeout.GrpcHeader] = grpc;
        }

        faults ??= new FaultList();
        TimeSpan? timeout = RequestTimeout.Read(headers, faults);
        Assert.True(timeout is null || faults.IsEmpty);
        return timeout;
    }
}
