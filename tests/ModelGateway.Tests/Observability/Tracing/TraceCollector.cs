using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>A collector on a free loopback port: takes OTLP over HTTP or over gRPC, and keeps what it gets. Safe for any thread.</summary>
internal sealed class TraceCollector : IAsyncDisposable
{
    private const int GrpcPrefix = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private readonly ConcurrentQueue<byte[]> _bodies = new();

    private TraceCollector(WebApplication app) => _app = app;

    public string Address => _app.Urls.Single();

    public ConcurrentQueue<IHeaderDictionary> Headers { get; } = new();

    /// <summary>The spans of whole requests that came.</summary>
    public IReadOnlyList<ReceivedSpan> Requests => [.. _spans.Where(span => span.Kind == 2)];

    /// <summary>Everything that came, one byte a character.</summary>
    public string Text => string.Concat(_bodies.Select(Encoding.Latin1.GetString));

    /// <summary>One that takes OTLP over HTTP.</summary>
    public static Task<TraceCollector> StartAsync() => StartAsync(HttpProtocols.Http1, "/v1/traces", collector => async http => collector.Keep(http, await ReadAsync(http)));

    /// <summary>One that takes OTLP over gRPC, which without TLS is HTTP/2 from the first byte.</summary>
    public static Task<TraceCollector> StartGrpcAsync() =>
        StartAsync(HttpProtocols.Http2, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", collector => collector.ExportAsync);

    private static async Task<TraceCollector> StartAsync(HttpProtocols protocol, string path, Func<TraceCollector, RequestDelegate> answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = protocol));
        WebApplication app = builder.Build();
        var collector = new TraceCollector(app);
        app.MapPost(path, answer(collector));
        await app.StartAsync();
        return collector;
    }

    /// <summary>Waits until so many spans of a trace have come, and returns all of it that have.</summary>
    public async Task<List<ReceivedSpan>> WaitForAsync(string traceId, int count)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(20))
        {
            if (SpansOf(traceId) is { } spans && spans.Count >= count)
            {
                return spans;
            }
        }

        throw new TimeoutException($"{SpansOf(traceId).Count} of {count} spans came: {string.Join(", ", _spans.Select(span => span.Name))}");
    }

    /// <summary>Waits until a span has come.</summary>
    public async Task<ReceivedSpan> WaitForAsync(Func<ReceivedSpan, bool> condition)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < Patience; await Task.Delay(20))
        {
            if (_spans.FirstOrDefault(condition) is { } span)
            {
                return span;
            }
        }

        throw new TimeoutException($"It did not come, but these did: {string.Join(", ", _spans.Select(span => span.Name))}");
    }

    public List<ReceivedSpan> SpansOf(string traceId) => [.. _spans.Where(span => span.TraceId == traceId)];

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task ExportAsync(HttpContext http)
    {
        // A message: one byte for compression, four for its length.
        byte[] body = await ReadAsync(http);
        Assert.Equal(0, body[0]);
        Assert.Equal(body.Length - GrpcPrefix, BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(1)));
        Keep(http, body[GrpcPrefix..]);
        http.Response.ContentType = "application/grpc";
        http.Response.DeclareTrailer("grpc-status");
        await http.Response.Body.WriteAsync(new byte[GrpcPrefix]);
        http.Response.AppendTrailer("grpc-status", "0");
    }

    private void Keep(HttpContext http, byte[] body)
    {
        _bodies.Enqueue(body);
        Headers.Enqueue(new HeaderDictionary(http.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase)));
        foreach (ReceivedSpan span in ReceivedSpan.Read(body))
        {
            _spans.Enqueue(span);
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }
}
