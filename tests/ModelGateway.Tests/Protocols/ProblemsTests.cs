using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ModelGateway.Protocols;
using ModelGateway.Serving.Models;
using Xunit;

namespace ModelGateway.Tests.Protocols;

public sealed class ProblemsTests
{
    private static readonly PredictError Full = new(PredictErrorKind.QueueFull, "Too many wait.") { RetryAfter = TimeSpan.FromSeconds(1.2) };

    [Fact]
    public async Task Write_Refusal_TellsItsLength()
    {
        using var body = new MemoryStream();
        var http = new DefaultHttpContext();
        http.Response.Body = body;

        await Problems.WriteAsync(http, Full);

        Assert.Equal(body.Length, http.Response.ContentLength);
        Assert.Equal("2", http.Response.Headers.RetryAfter);
        JsonElement problem = JsonElement.Parse(body.ToArray());
        Assert.Equal("urn:modelgateway:problem:queue-full", problem.GetProperty("type").GetString());
        Assert.Equal("Too many wait.", problem.GetProperty("error").GetString());
    }

    // The server keeps nothing that is written to a connection that has ended, before it says that it has; and it throws where fewer bytes were told than written.
    [Fact]
    public async Task Write_ConnectionIsGone_TellsNoLength()
    {
        var http = new DefaultHttpContext();
        http.Features.Set<IHttpResponseBodyFeature>(new GoneBody());

        await Problems.WriteAsync(http, Full);

        Assert.Null(http.Response.ContentLength);
    }

    private sealed class GoneBody : IHttpResponseBodyFeature
    {
        public Stream Stream => Stream.Null;

        public PipeWriter Writer { get; } = new GoneWriter();

        public void DisableBuffering()
        {
        }

        public Task StartAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;

        public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task CompleteAsync() => Task.CompletedTask;
    }

    private sealed class GoneWriter : PipeWriter
    {
        private readonly byte[] _nowhere = new byte[4096];

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => 0;

        public override void Advance(int bytes)
        {
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => _nowhere;

        public override Span<byte> GetSpan(int sizeHint = 0) => _nowhere;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => new(new FlushResult(isCanceled: false, isCompleted: true));

        public override void Complete(Exception? exception = null)
        {
        }

        public override void CancelPendingFlush()
        {
        }
    }
}
