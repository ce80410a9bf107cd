using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.Caching.Memcached.Tests;

/// <summary>
/// A server that greets as Memcached does and then answers as a test says, also wrongly: for what the real one does not do on demand. It gathers as many
/// requests as the script wants before it answers them.
/// </summary>
internal sealed class ScriptedMemcached : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<string[], string?> _answer;
    private readonly int _gathers;
    private readonly Task _accepting;
    private readonly ConcurrentBag<TcpClient> _clients = [];
    private int _connections;

    /// <param name="answer">Gets the requests' opaque numbers; the answer's text, or null to close the connection. What ends with <c>~</c> is closed after it.</param>
    /// <param name="gathers">How many requests come before an answer goes.</param>
    public ScriptedMemcached(Func<string[], string?> answer, int gathers = 1)
    {
        _answer = answer;
        _gathers = gathers;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Connections that have come.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Every line that has come, greetings too.</summary>
    public ConcurrentQueue<string> Lines { get; } = [];

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (TcpClient client in _clients)
        {
            client.Dispose();
        }

        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync();
                _clients.Add(client);
                Interlocked.Increment(ref _connections);
                _ = ServeAsync(client);
            }
        }
        catch (Exception exception) when (exception is SocketException or InvalidOperationException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using var input = new StreamReader(client.GetStream(), Encoding.Latin1);
                List<string> gathered = [];
                while (await input.ReadLineAsync() is { } line)
                {
                    Lines.Enqueue(line);
                    if (line.Contains(":p:hello", StringComparison.Ordinal))
                    {
                        await client.GetStream().WriteAsync("EN O1\r\n"u8.ToArray());
                    }
                    else if (line.LastIndexOf(" O", StringComparison.Ordinal) is > 0 and var at)
                    {
                        gathered.Add(line[(at + 2)..]);
                    }

                    if (gathered.Count == _gathers)
                    {
                        string? answer = _answer([.. gathered]);
                        gathered.Clear();
                        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(answer?.TrimEnd('~') ?? ""));
                        if (answer is null || answer.EndsWith('~'))
                        {
                            return;
                        }
                    }
                }
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // The other side went away, or the test is over.
            }
        }
    }
}
