using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// TCP on a free loopback port to a server of this machine, in the test's own process: what clients send goes on at once, what the server answers comes as late as
/// the test says, whole and in its order. <see cref="FaultProxy"/> is for HTTP.
/// </summary>
/// <remarks>Each connection has two loops and a third that waits; they share nothing but <see cref="Delay"/> with the test's thread.</remarks>
public sealed class SlowLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly int _target;
    private readonly Task _accepting;
    private long _delayTicks;

    private SlowLink(int target)
    {
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Host and port where it listens.</summary>
    public string Address => $"{_listener.LocalEndpoint}";

    /// <summary>How much later answers come that the server gives from now on; none at first.</summary>
    public TimeSpan Delay
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _delayTicks));
        set => Interlocked.Exchange(ref _delayTicks, value.Ticks);
    }

    /// <summary>One that listens.</summary>
    /// <param name="target">The server's port.</param>
    public static SlowLink Start(int target) => new(target);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _accepting;
        await Task.WhenAll(_connections);
        _closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        using (_listener)
        {
            while (!_closing.IsCancellationRequested)
            {
                try
                {
                    _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_closing.Token)));
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using TcpClient near = client;
        using var far = new TcpClient();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        var answers = Channel.CreateUnbounded<(long Due, byte[] Bytes)>();
        near.NoDelay = far.NoDelay = true;
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, _target, over.Token);

            // Who ends first ends the others: a link that is half open helps nobody.
            Task[] loops =
            [
                near.GetStream().CopyToAsync(far.GetStream(), over.Token),
                ReadAnswersAsync(far.GetStream(), answers.Writer, over.Token),
                PassAnswersAsync(answers.Reader, near.GetStream(), over.Token),
            ];
            await Task.WhenAny(loops);
            await over.CancelAsync();
            await Task.WhenAll(loops);
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            // One side has gone: the other sees its connection close.
        }
    }

    private async Task ReadAnswersAsync(NetworkStream server, ChannelWriter<(long Due, byte[] Bytes)> answers, CancellationToken over)
    {
        byte[] buffer = new byte[1 << 16];
        while (await server.ReadAsync(buffer, over) is > 0 and var length)
        {
            await answers.WriteAsync((Stopwatch.GetTimestamp() + (long)(Delay.TotalSeconds * Stopwatch.Frequency), buffer[..length]), over);
        }
    }

    private static async Task PassAnswersAsync(ChannelReader<(long Due, byte[] Bytes)> answers, NetworkStream client, CancellationToken over)
    {
        await foreach ((long due, byte[] bytes) in answers.ReadAllAsync(over))
        {
            TimeSpan early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early, over);
            }

            await client.WriteAsync(bytes, over);
        }
    }
}
