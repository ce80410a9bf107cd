using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Kestrel without sockets: connections made of two pipes each, on the caller's own thread. What is measured through it is the server and the
/// application, without the kernel and without other threads, so that it hardly moves with the load of the machine.
/// </summary>
internal sealed class MemoryTransport : IConnectionListenerFactory, IConnectionListener
{
    private readonly Channel<ConnectionContext> _connections = Channel.CreateUnbounded<ConnectionContext>();
    private readonly List<MemoryConnection> _opened = [];

    public EndPoint EndPoint { get; private set; } = new IPEndPoint(IPAddress.Loopback, 1);

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        EndPoint = endpoint;
        return new ValueTask<IConnectionListener>(this);
    }

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _connections.Reader.WaitToReadAsync(cancellationToken) && _connections.Reader.TryRead(out ConnectionContext? connection) ? connection : null;

    /// <summary>Opens a connection to a server that has started.</summary>
    public MemoryConnection Connect(IServiceProvider services)
    {
        MemoryPool<byte> pool = services.GetRequiredService<IMemoryPoolFactory<byte>>().Create();
        var options = new PipeOptions(pool, readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false, pauseWriterThreshold: 0);
        var requests = new Pipe(options);
        var answers = new Pipe(options);
        var connection = new DefaultConnectionContext("memory", new Duplex(requests.Reader, answers.Writer), new Duplex(answers.Reader, requests.Writer));
        connection.Features.Set<IMemoryPoolFeature>(new Pool(pool));
        _connections.Writer.TryWrite(connection);
        var opened = new MemoryConnection(requests.Writer, answers.Reader);
        _opened.Add(opened);
        return opened;
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _opened.ForEach(connection => connection.Close());
        _connections.Writer.TryComplete();
        return default;
    }

    public ValueTask DisposeAsync() => default;

    private sealed record Pool(MemoryPool<byte> MemoryPool) : IMemoryPoolFeature;

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}

/// <summary>One connection of a <see cref="MemoryTransport"/>, as its client sees it. One request at a time.</summary>
internal sealed class MemoryConnection(PipeWriter requests, PipeReader answers)
{
    /// <summary>Sends a request and reads its answer, which must have a Content-Length.</summary>
    /// <returns>The bytes of the answer.</returns>
    public async ValueTask<int> RoundTripAsync(ReadOnlyMemory<byte> request)
    {
        await requests.WriteAsync(request);
        while (true)
        {
            ReadResult read = await answers.ReadAsync();
            int length = AnswerLength(read.Buffer);
            if (length > 0 && read.Buffer.Length >= length)
            {
                if (!Status(read.Buffer).SequenceEqual("HTTP/1.1 200"u8))
                {
                    throw new InvalidOperationException(System.Text.Encoding.UTF8.GetString(read.Buffer.ToArray()));
                }

                answers.AdvanceTo(read.Buffer.GetPosition(length));
                return length;
            }

            if (read.IsCompleted)
            {
                throw new InvalidOperationException("The connection ended.");
            }

            answers.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Ends the connection.</summary>
    public void Close() => requests.Complete();

    private static ReadOnlySpan<byte> Status(ReadOnlySequence<byte> answer) => answer.FirstSpan[..12];

    private static int AnswerLength(ReadOnlySequence<byte> answer)
    {
        ReadOnlySpan<byte> start = answer.IsSingleSegment ? answer.FirstSpan : answer.ToArray();
        int end = start.IndexOf("\r\n\r\n"u8);
        int header = start.IndexOf("Content-Length: "u8);
        if (end < 0 || header < 0)
        {
            return 0;
        }

        return System.Buffers.Text.Utf8Parser.TryParse(start[(header + 16)..], out int length, out _) ? end + 4 + length : 0;
    }
}
