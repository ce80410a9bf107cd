using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>One request as it arrived.</summary>
internal sealed record ScriptedRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>An HTTP server that answers as a test says, byte by byte, also wrongly: for what a real server does not do on demand. One connection a request.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<ScriptedRequest, byte[]> _answer;
    private readonly bool _holds;
    private readonly Task _accepting;

    /// <param name="answer">The bytes of the answer.</param>
    /// <param name="holds">Leave the connection open after them: more may come, for all that the other side knows.</param>
    public ScriptedServer(Func<ScriptedRequest, byte[]> answer, bool holds = false)
    {
        _answer = answer;
        _holds = holds;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    public string Address => $"http://127.0.0.1:{Port}";

    public ConcurrentQueue<ScriptedRequest> Requests { get; } = [];

    /// <summary>An answer; where it promises more than it holds, the connection is cut there.</summary>
    public static byte[] Answer(int status, ReadOnlySpan<byte> body, long? promised = null, params (string Name, string Value)[] headers)
    {
        var head = new StringBuilder().Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} Scripted\r\nConnection: close\r\nContent-Length: {promised ?? body.Length}\r\n");
        foreach ((string name, string value) in headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        return [.. Encoding.UTF8.GetBytes($"{head}\r\n"), .. body];
    }

    /// <summary>An answer in XML.</summary>
    public static byte[] Xml(int status, string body, params (string Name, string Value)[] headers) =>
        Answer(status, Encoding.UTF8.GetBytes($"<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}"), null, [("Content-Type", "application/xml"), .. headers]);

    /// <summary>An error as S3 words it; to HEAD it has no body.</summary>
    public static byte[] Error(ScriptedRequest request, int status, string code, string message, params (string Name, string Value)[] headers) => request.Method == "HEAD"
        ? Answer(status, [], null, headers)
        : Xml(status, $"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>REQ1</RequestId></Error>", headers);

    /// <summary>A listing of one page.</summary>
    public static byte[] Listing(params string[] keys) => Xml(
        200,
        $"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bucket</Name><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
            + string.Concat(keys.Select(key => $"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;tag&quot;</ETag><Size>4</Size></Contents>"))
            + "</ListBucketResult>");

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception exception) when (exception is SocketException or InvalidOperationException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(TcpClient connection)
    {
        using (connection)
        {
            try
            {
                NetworkStream stream = connection.GetStream();
                if (await ReadAsync(stream) is { } request)
                {
                    Requests.Enqueue(request);
                    await stream.WriteAsync(_answer(request));
                    _ = _holds ? await stream.ReadAsync(new byte[1]) : 0;
                }
            }
            catch (IOException)
            {
                // The other side went away.
            }
        }
    }

    private static async Task<ScriptedRequest?> ReadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one) == 0)
            {
                return null;
            }

            head.Append((char)one[0]);
        }

        string[] lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        string[] first = lines[0].Split(' ');
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToDictionary(parts => parts[0], parts => parts[^1], StringComparer.OrdinalIgnoreCase);
        byte[] body = new byte[headers.TryGetValue("Content-Length", out string? length) ? int.Parse(length, CultureInfo.InvariantCulture) : 0];
        await stream.ReadExactlyAsync(body);
        return new ScriptedRequest(first[0], first[1], headers, Encoding.UTF8.GetString(body));
    }
}
