using System.Buffers;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace ModelGateway.TestKit.Hosting.Faults;

/// <summary>One request on its way through a <see cref="FaultProxy"/>, in the hands of a <see cref="Fault"/>. Not thread-safe.</summary>
public sealed class FaultExchange : IDisposable
{
    private const int BufferSize = 1 << 16;

    // They belong to one connection, not to the message (RFC 9110, 7.6.1); Expect is answered by the proxy itself.
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
    };

    private readonly HttpContext _context;
    private readonly FaultProxy _proxy;
    private readonly Task _release;
    private HttpResponseMessage? _answer;
    private Stream _body = Stream.Null;
    private bool _counted;

    internal FaultExchange(HttpContext context, FaultProxy proxy)
    {
        _context = context;
        _proxy = proxy;
        // Those that are released are the ones that had arrived.
        _release = proxy.Release;
        Request = proxy.Arrive(context);
    }

    /// <summary>What was asked.</summary>
    public FaultRequest Request { get; }

    /// <summary>The client has gone, or the proxy has.</summary>
    public CancellationToken Gone => _context.RequestAborted;

    /// <summary>What the client gets; filled by <see cref="BeginAsync"/>, sent with the first bytes of the body.</summary>
    public HttpResponse Response => _context.Response;

    internal Fault? Fault { get; set; }

    /// <summary>The exchange as it would be without a fault.</summary>
    public async Task ForwardAsync()
    {
        await BeginAsync();
        await CopyBodyAsync();
    }

    /// <summary>Sends the request on to the origin and takes over the head of its answer.</summary>
    public async Task BeginAsync()
    {
        using HttpRequestMessage request = CreateRequest();
        _answer = await _proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Gone);
        _body = await _answer.Content.ReadAsStreamAsync(Gone);
        Response.StatusCode = (int)_answer.StatusCode;
        _context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = _answer.ReasonPhrase;
        CopyHeaders(_answer.Headers.NonValidated);
        CopyHeaders(_answer.Content.Headers.NonValidated);
    }

    /// <summary>Copies the next bytes of the body as they come.</summary>
    /// <returns>Bytes copied: fewer than <paramref name="limit"/> only where the body has ended.</returns>
    public async Task<long> CopyBodyAsync(long limit = long.MaxValue)
    {
        // So that the head goes out even if no body follows.
        await Response.StartAsync(Gone);
        await Response.Body.FlushAsync(Gone);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long copied = 0;
            while (copied < limit)
            {
                int read = await ReadBodyAsync(buffer.AsMemory(0, (int)Math.Min(BufferSize, limit - copied)));
                if (read == 0)
                {
                    break;
                }

                await WriteBodyAsync(buffer.AsMemory(0, read));
                copied += read;
            }

            return copied;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The next bytes that the origin sends; 0 at the end.</summary>
    public ValueTask<int> ReadBodyAsync(Memory<byte> buffer) => _body.ReadAsync(buffer, Gone);

    /// <summary>Sends bytes to the client.</summary>
    public async ValueTask WriteBodyAsync(ReadOnlyMemory<byte> bytes)
    {
        _proxy.AddBytes(bytes.Length);
        await Response.Body.WriteAsync(bytes, Gone);
    }

    /// <summary>The fault takes effect now; further calls change nothing.</summary>
    public void CountFault()
    {
        if (!_counted)
        {
            _counted = true;
            _proxy.Count(Fault!);
        }
    }

    /// <summary>Resets the client's connection.</summary>
    public void Abort() => _context.Abort();

    /// <summary>Waits for <see cref="FaultProxy.ReleaseHung"/>.</summary>
    public Task WaitForReleaseAsync() => _release.WaitAsync(Gone);

    /// <inheritdoc/>
    public void Dispose() => _answer?.Dispose();

    private HttpRequestMessage CreateRequest()
    {
        // The path and query as they came: a Uri would unescape and shorten them, and signatures are made over every byte.
        string address = _proxy.Target.GetLeftPart(UriPartial.Authority) + _proxy.Target.AbsolutePath.TrimEnd('/') + Request.PathAndQuery;
        var request = new HttpRequestMessage(
            new HttpMethod(Request.Method), new Uri(address, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        IHeaderDictionary headers = _context.Request.Headers;
        if (_context.Request.ContentLength is not null || headers.TransferEncoding.Count > 0)
        {
            request.Content = new StreamContent(_context.Request.Body);
        }

        foreach ((string name, StringValues values) in headers)
        {
            bool isSkipped = HopByHop.Contains(name) || (name == "Host" && _proxy.RewriteHost);
            if (!isSkipped && !request.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
            }
        }

        return request;
    }

    private void CopyHeaders(HttpHeadersNonValidated headers)
    {
        foreach ((string name, HeaderStringValues values) in headers)
        {
            if (!HopByHop.Contains(name))
            {
                Response.Headers[name] = values.ToArray();
            }
        }
    }
}
