using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.Tests.Http;

/// <summary>HTTP as bytes on a socket: for requests that no well-behaved client can be made to send.</summary>
public sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private readonly List<byte> _unread = [];

    private RawConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
    }

    public static async Task<RawConnection> OpenAsync(int port)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port);
        return new RawConnection(client);
    }

    /// <summary>A whole request.</summary>
    public static byte[] Request(string path, byte[] body, string headers = "") =>
        [.. Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}Content-Length: {body.Length}\r\n\r\n"), .. body];

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Sends as much as the other side takes: it may have answered and closed already, which reading the answer tells.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes).AsTask().WaitAsync(HttpGateway.Patience);
        }
        catch (IOException)
        {
            // Closed.
        }
    }

    /// <summary>Ends the sending half, as a client that breaks off in an orderly way.</summary>
    public void StopSending() => _client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Ends the connection without a farewell.</summary>
    public void Reset()
    {
        _client.LingerState = new LingerOption(enable: true, seconds: 0);
        _client.Dispose();
    }

    /// <summary>Whether an answer, or the end, has come.</summary>
    public bool HasAnswer => _unread.Count > 0 || _client.Client.Poll(0, SelectMode.SelectRead);

    /// <summary>The next response, or null where the connection ended before one began.</summary>
    public async Task<RawResponse?> ReadAsync()
    {
        string? status = await ReadLineAsync();
        if (status is null)
        {
            return null;
        }

        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await ReadLineAsync() is { Length: > 0 } line)
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        byte[] body = headers.TryGetValue("Content-Length", out string? length) ? await ReadBytesAsync(int.Parse(length, CultureInfo.InvariantCulture))
            : headers.ContainsKey("Transfer-Encoding") ? await ReadChunksAsync()
            : [];
        return new RawResponse(int.Parse(status.Split(' ')[1], CultureInfo.InvariantCulture), headers, Encoding.UTF8.GetString(body));
    }

    public void Dispose() => _client.Dispose();

    private async Task<byte[]> ReadChunksAsync()
    {
        var body = new List<byte>();
        while (true)
        {
            int size = Convert.ToInt32(await ReadLineAsync(), 16);
            body.AddRange(await ReadBytesAsync(size));
            await ReadLineAsync();
            if (size == 0)
            {
                return [.. body];
            }
        }
    }

    private async Task<string?> ReadLineAsync()
    {
        int end;
        while ((end = _unread.IndexOf((byte)'\n')) < 0)
        {
            if (!await FillAsync())
            {
                return null;
            }
        }

        string line = Encoding.Latin1.GetString([.. _unread.GetRange(0, end)]).TrimEnd('\r');
        _unread.RemoveRange(0, end + 1);
        return line;
    }

    private async Task<byte[]> ReadBytesAsync(int count)
    {
        while (_unread.Count < count && await FillAsync())
        {
        }

        byte[] bytes = [.. _unread.GetRange(0, count)];
        _unread.RemoveRange(0, count);
        return bytes;
    }

    private async Task<bool> FillAsync()
    {
        byte[] buffer = new byte[16384];
        try
        {
            int read = await _stream.ReadAsync(buffer).AsTask().WaitAsync(HttpGateway.Patience);
            _unread.AddRange(buffer.AsSpan(0, read));
            return read > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }
}

/// <summary>A response as it came.</summary>
public sealed record RawResponse(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public bool Closes => Headers.TryGetValue("Connection", out string? connection) && connection.Contains("close", StringComparison.OrdinalIgnoreCase);
}
