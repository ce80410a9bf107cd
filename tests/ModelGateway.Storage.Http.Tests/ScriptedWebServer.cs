using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ModelGateway.Storage.Http.Tests;

/// <summary>A web server on a free loopback port that answers as the test says.</summary>
internal sealed class ScriptedWebServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedWebServer(WebApplication app, Uri address)
    {
        _app = app;
        Address = address;
    }

    /// <summary>Its root, with a slash at the end.</summary>
    public Uri Address { get; }

    /// <summary>Answers every request; may be replaced while it runs.</summary>
    public RequestDelegate Script { get; set; } = static context =>
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    };

    /// <summary>What came, in order: path and headers.</summary>
    public ConcurrentQueue<(string Path, IHeaderDictionary Headers)> Requests { get; } = new();

    public static async Task<ScriptedWebServer> StartAsync(RequestDelegate? script = null, X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        WebApplication app = builder.Build();
        ScriptedWebServer? server = null;
        app.Run(context =>
        {
            server!.Requests.Enqueue((context.Request.Path, new HeaderDictionary(context.Request.Headers.ToDictionary())));
            return server.Script(context);
        });
        await app.StartAsync();
        server = new ScriptedWebServer(app, new Uri(app.Urls.Single() + "/"));
        if (script is not null)
        {
            server.Script = script;
        }

        return server;
    }

    public async ValueTask DisposeAsync()
    {
        // What still hangs in a script is cut off at once.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
