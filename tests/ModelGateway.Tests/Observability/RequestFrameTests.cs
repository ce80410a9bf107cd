using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelGateway.Observability;
using Xunit;

namespace ModelGateway.Tests.Observability;

/// <summary>The frame around an endpoint that fails, which no endpoint of ours does on purpose.</summary>
public sealed class RequestFrameTests : IAsyncLifetime
{
    private WebApplication? _app;

    private Uri Address => new(_app!.Urls.Single());

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton<RefusalLines>();
        _app = builder.Build();
        _app.UseMiddleware<RequestFrame>();
        _app.MapGet("/throws", IResult () => throw new InvalidOperationException("secret"));
        _app.MapGet("/throws-late", async http =>
        {
            await http.Response.WriteAsync("half an answer");
            await http.Response.Body.FlushAsync();
            throw new InvalidOperationException("secret");
        });
        _app.MapGet("/bad", IResult () => throw new BadHttpRequestException("secret", StatusCodes.Status431RequestHeaderFieldsTooLarge));
        _app.MapGet("/status-only", () => Results.StatusCode(StatusCodes.Status418ImATeapot));
        await _app.StartAsync();
    }

    public async Task DisposeAsync() => await _app!.DisposeAsync();

    [Theory]
    [InlineData("/throws", 500)]
    [InlineData("/bad", 431)]
    [InlineData("/status-only", 418)]
    public async Task Endpoint_FailsBeforeItsAnswer_IsAProblemThatTellsNothing(string path, int status)
    {
        using var client = new HttpClient();
        using HttpResponseMessage response = await client.GetAsync(new Uri(Address, path));
        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal((HttpStatusCode)status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.DoesNotContain("secret", body, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", body, StringComparison.Ordinal);
        Assert.Contains(response.Headers.GetValues("X-Request-Id").Single(), body, StringComparison.Ordinal);
        Assert.Contains("total;dur=", response.Headers.GetValues("Server-Timing").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoint_FailsInTheMiddleOfItsAnswer_BreaksTheConnection()
    {
        using var client = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetStringAsync(new Uri(Address, "/throws-late")));
    }
}
