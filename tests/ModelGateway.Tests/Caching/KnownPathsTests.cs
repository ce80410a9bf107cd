using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using ModelGateway.Caching;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Native;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Tests.Caching;

public sealed class KnownPathsTests
{
    private const string Json = "application/json";
    private readonly KnownPaths _paths = new();

    // Requests that are routed although their path is known, such as those with large bodies, must not make an endpoint each.
    [Fact]
    public void Remember_KnownAlready_MakesNothingAnew()
    {
        KnownPath first = Remember(Json);

        Assert.Same(first, Remember(Json));
    }

    [Fact]
    public void Remember_AnotherContentType_KeepsTheEndpoint()
    {
        KnownPath first = Remember(Json);
        KnownPath second = Remember(Json + "; charset=utf-8");

        Assert.Equal(Json + "; charset=utf-8", second.ContentType);
        Assert.Same(first.Endpoint, second.Endpoint);
        Assert.Null(_paths.Find(Request(Json).Request));
    }

    [Fact]
    public void Remember_AnotherDialect_TakesItsPlace()
    {
        KnownPath first = Remember(Json);
        KnownPath second = Remember(Json, InferProtocol.Instance);

        Assert.Same(InferProtocol.Instance, second.Protocol);
        Assert.NotSame(first.Endpoint, second.Endpoint);
    }

    private KnownPath Remember(string contentType, IPredictProtocol? protocol = null)
    {
        HttpContext http = Request(contentType);
        http.SetEndpoint(new RouteEndpoint(_ => Task.CompletedTask, RoutePatternFactory.Parse("/predict/{model}"), 0, new EndpointMetadataCollection(), "predict"));

        // What answers there is not asked to.
        _paths.Remember(http, new ModelSpec("m"), protocol ?? NativeProtocol.Instance, exchange: null!);
        return _paths.Find(http.Request)!;
    }

    private static DefaultHttpContext Request(string contentType)
    {
        var http = new DefaultHttpContext();
        (http.Request.Method, http.Request.Path, http.Request.ContentType) = ("POST", "/predict/m", contentType);
        return http;
    }
}
