using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>A web server for a folder on a free loopback port that notes which trace its callers say that they belong to.</summary>
internal sealed class ContextServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ContextServer(WebApplication app) => _app = app;

    public string Address => $"{_app.Urls.Single()}/index.json";

    public ConcurrentQueue<(string Path, string? TraceParent, string? Baggage, string? Authorization)> Requests { get; } = new();

    public static async Task<ContextServer> StartAsync(string folder)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        var server = new ContextServer(app);
        app.MapMethods("/{**path}", ["GET", "HEAD"], (HttpContext http, string path) =>
        {
            IHeaderDictionary headers = http.Request.Headers;
            server.Requests.Enqueue((http.Request.Path, headers.TraceParent, headers.Baggage, headers.Authorization));
            string file = Path.Combine(folder, path);
            return File.Exists(file) ? Results.File(file, lastModified: File.GetLastWriteTimeUtc(file), enableRangeProcessing: true) : Results.NotFound();
        });
        await app.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
