using System.Net;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

public class ObservedHandlerTests
{
    private static readonly Uri Address = new("http://store.example/models/iris");
    private readonly StoreHarness _harness = new();

    [Theory]
    [InlineData(HttpStatusCode.OK, "success")]
    [InlineData(HttpStatusCode.PartialContent, "success")]
    [InlineData(HttpStatusCode.Found, "success")]
    [InlineData(HttpStatusCode.NotModified, "unchanged")]
    [InlineData(HttpStatusCode.NotFound, "not_found")]
    [InlineData(HttpStatusCode.Gone, "not_found")]
    [InlineData(HttpStatusCode.Unauthorized, "refused")]
    [InlineData(HttpStatusCode.Forbidden, "refused")]
    [InlineData(HttpStatusCode.PreconditionFailed, "changed")]
    [InlineData(HttpStatusCode.Conflict, "changed")]
    [InlineData(HttpStatusCode.RequestedRangeNotSatisfiable, "changed")]
    [InlineData(HttpStatusCode.TooManyRequests, "error")]
    [InlineData(HttpStatusCode.ServiceUnavailable, "error")]
    public async Task SendAsync_EachStatus_IsCountedByItsOutcome(HttpStatusCode status, string outcome)
    {
        using HttpClient client = Client(_ => new HttpResponseMessage(status));

        (await client.GetAsync(Address)).Dispose();
        client.Send(new HttpRequestMessage(HttpMethod.Get, Address)).Dispose();

        Assert.Equal(new Dictionary<string, int> { [$"iris {outcome}"] = 2 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task SendAsync_NoAnswer_IsCountedAsAnError()
    {
        using HttpClient client = Client(_ => throw new HttpRequestException("no route"));

        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(Address));
        Assert.Throws<HttpRequestException>(() => client.Send(new HttpRequestMessage(HttpMethod.Get, Address)));

        Assert.Equal(new Dictionary<string, int> { ["iris error"] = 2 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task SendAsync_RequestIsRedirectedBelow_IsCountedAsWhatWasAskedFor()
    {
        using HttpClient client = Client(request =>
        {
            request.RequestUri = new Uri("http://elsewhere.example/blob");
            return new HttpResponseMessage(HttpStatusCode.OK);
        });

        (await client.GetAsync(Address)).Dispose();

        Assert.Equal(new Dictionary<string, int> { ["iris success"] = 1 }, await _harness.RequestsAsync());
    }

    private HttpClient Client(Func<HttpRequestMessage, HttpResponseMessage> answer) =>
        new(new ObservedHandler(_harness.Context.Traffic, request => request.RequestUri!.Segments[^1], new AnsweringHandler(answer)));

    private sealed class AnsweringHandler(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => answer(request);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return answer(request);
        }
    }
}
