using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using System.Xml.Linq;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// An S3 server of its own process on a free loopback port, gone with all its data when disposed. It does not check signatures: any
/// credentials will do. Start it once for a test class, and give each test a bucket.
/// </summary>
public sealed class S3Server : IAsyncDisposable
{
    // The server takes no larger body. Objects above it go up in parts, as AWS's own tools do, so their ETag is not an MD5.
    private const int PartSize = 8 << 20;

    private readonly HttpClient _client = new();
    private readonly string? _data;
    private Process _process;

    private S3Server(Process process, int port, string? data)
    {
        _process = process;
        _data = data;
        Port = port;
    }

    /// <summary>The port; it stays over a restart.</summary>
    public int Port { get; }

    /// <summary>For the setting <c>Endpoint</c>; buckets are in the path.</summary>
    public Uri Endpoint => new($"http://127.0.0.1:{Port}");

    /// <summary>Starts it and returns when it answers.</summary>
    /// <param name="keepData">Objects survive <see cref="Stop"/>; then each read of an object reads it whole from a database, which is slow for large ones.</param>
    public static async Task<S3Server> StartAsync(bool keepData = false)
    {
        string? data = keepData ? Directory.CreateTempSubdirectory("s3-server-").FullName : null;
        (Process process, int port) = await LaunchAsync(0, data);
        return new S3Server(process, port, data);
    }

    /// <summary>Kills it, as a crash does: connections break, and new ones are refused.</summary>
    public void Stop()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>Starts it again on the same port after <see cref="Stop"/>; with its objects where it keeps them, else empty.</summary>
    public async Task RestartAsync() => (_process, _) = await LaunchAsync(Port, _data);

    /// <summary>Makes a bucket; one that is there already is left as it is.</summary>
    public Task CreateBucketAsync(string bucket) => SendAsync(HttpMethod.Put, $"/{bucket}", null);

    /// <summary>Adds or replaces an object. Any key goes, also one that no file system would take.</summary>
    /// <param name="bucket">The bucket, which must be there.</param>
    /// <param name="key">The whole key.</param>
    /// <param name="content">The content.</param>
    /// <param name="headers">More headers of the upload, for example what the server keeps of them: a checksum (<c>x-amz-checksum-sha256</c>), the encryption (<c>x-amz-server-side-encryption</c>).</param>
    public async Task PutAsync(string bucket, string key, ReadOnlyMemory<byte> content, params (string Name, string Value)[] headers)
    {
        string path = $"/{bucket}/{Uri.EscapeDataString(key)}";
        if (content.Length <= PartSize)
        {
            await SendAsync(HttpMethod.Put, path, new ReadOnlyMemoryContent(content), headers);
            return;
        }

        string upload = XDocument.Parse(await SendAsync(HttpMethod.Post, $"{path}?uploads", null, headers)).Descendants().Single(element => element.Name.LocalName == "UploadId").Value;
        var parts = new StringBuilder("<CompleteMultipartUpload>");
        for (int start = 0, number = 1; start < content.Length; start += PartSize, number++)
        {
            using HttpRequestMessage request = Request(
                HttpMethod.Put, $"{path}?partNumber={number}&uploadId={upload}", new ReadOnlyMemoryContent(content.Slice(start, Math.Min(PartSize, content.Length - start))));
            using HttpResponseMessage response = await _client.SendAsync(request);
            response.EnsureSuccessStatusCode();
            parts.Append(CultureInfo.InvariantCulture, $"<Part><PartNumber>{number}</PartNumber><ETag>{response.Headers.ETag}</ETag></Part>");
        }

        await SendAsync(HttpMethod.Post, $"{path}?uploadId={upload}", new StringContent($"{parts}</CompleteMultipartUpload>", Encoding.UTF8, "application/xml"));
    }

    /// <summary>Removes an object; one that is not there is no error.</summary>
    public Task DeleteAsync(string bucket, string key) => SendAsync(HttpMethod.Delete, $"/{bucket}/{Uri.EscapeDataString(key)}", null);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        try
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
        catch (InvalidOperationException)
        {
            // Stopped already.
        }

        if (_data is not null)
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    private static async Task<(Process Process, int Port)> LaunchAsync(int port, string? data)
    {
        string tools = Path.Combine(RepositoryRoot.Path, "artifacts", "tools", "fauxqs");
        string node = Path.Combine(tools, "node_modules", $"node-linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}", "bin", "node");
        if (!File.Exists(node))
        {
            throw new FileNotFoundException($"The S3 server is not installed: run tests/run.sh once. Missing: {node}");
        }

        string[] arguments = [Path.Combine(RepositoryRoot.Path, "tests", "s3-server.mjs"), tools, port.ToString(CultureInfo.InvariantCulture), .. data is null ? (string[])[] : [data]];
        Process process = Process.Start(new ProcessStartInfo(node, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        string? line = await process.StandardOutput.ReadLineAsync(patience.Token);
        if (line is null)
        {
            await process.WaitForExitAsync(patience.Token);
            throw new InvalidOperationException($"The S3 server did not start: {await errors}");
        }

        return (process, int.Parse(line["listening ".Length..], CultureInfo.InvariantCulture));
    }

    private async Task<string> SendAsync(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = Request(method, path, content, headers);
        using HttpResponseMessage response = await _client.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? body : throw new HttpRequestException($"{method} {path}: {(int)response.StatusCode} {body}");
    }

    private HttpRequestMessage Request(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        // Keys such as "../secret" must arrive as they are.
        var options = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var request = new HttpRequestMessage(method, new Uri($"http://127.0.0.1:{Port}{path}", options)) { Content = content };
        if (content is { Headers.ContentType: null })
        {
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }
}
