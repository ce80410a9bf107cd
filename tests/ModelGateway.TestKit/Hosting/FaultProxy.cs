using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.TestKit.Hosting.Faults;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// An HTTP/1.1 proxy on a free loopback port, in the test's own process, between a client and the server that it is meant for. It passes
/// requests on byte by byte (path, query, headers; bodies as they come) and injects the faults that the test chooses.
/// </summary>
/// <remarks>
/// <see cref="Choose"/> runs on the threads of the requests, several at a time. Everything else may be used from any thread, but
/// <see cref="VanishAsync"/>, <see cref="ReappearAsync"/> and <see cref="DisposeAsync"/> one at a time.
/// </remarks>
public sealed class FaultProxy : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    // Bound for as long as the proxy lives, and never listening: while the proxy has vanished, nobody else is given its port.
    private readonly Socket _port = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<string, int> _faults = new(StringComparer.Ordinal);

    // Guards the requests and who waits for them.
    private readonly Lock _gate = new();
    private readonly List<FaultRequest> _requests = [];
    private readonly List<(Func<FaultRequest, bool> Predicate, TaskCompletionSource<FaultRequest> Seen)> _waiting = [];

    private TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _listener;
    private long _bytesForwarded;

    private FaultProxy(Uri target)
    {
        Target = target;
        Bind(_port, new IPEndPoint(IPAddress.Loopback, 0));
        Address = new Uri($"http://{_port.LocalEndPoint}/");
    }

    internal HttpClient Client { get; } = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    internal Task Release => Volatile.Read(ref _release).Task;

    /// <summary>Where the proxy listens; the same after <see cref="ReappearAsync"/>.</summary>
    public Uri Address { get; }

    /// <summary>The server behind it; its path, if it has one, comes in front of the requests'. May change at any time.</summary>
    public Uri Target { get; set; }

    /// <summary>Whether the server is told its own name in the Host header; otherwise the one that the client sent, and perhaps signed.</summary>
    public bool RewriteHost { get; set; }

    /// <summary>The fault of a request; null for none, which is what happens at first. May change at any time.</summary>
    public Func<FaultRequest, Fault?> Choose { get; set; } = static _ => null;

    /// <summary>All requests so far, in the order of their arrival.</summary>
    public IReadOnlyList<FaultRequest> Requests
    {
        get
        {
            lock (_gate)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>Requests so far by their path without the query.</summary>
    public IReadOnlyDictionary<string, int> RequestsByPath => Requests.CountBy(request => request.Path).ToDictionary(StringComparer.Ordinal);

    /// <summary>Faults that took effect, by <see cref="Fault.Kind"/>; a vanishing is none of them.</summary>
    public IReadOnlyDictionary<string, int> FaultsInjected => _faults.ToDictionary(StringComparer.Ordinal);

    /// <summary>Bytes of bodies sent to clients.</summary>
    public long BytesForwarded => Interlocked.Read(ref _bytesForwarded);

    /// <summary>A proxy that listens.</summary>
    /// <param name="target">The server behind it.</param>
    public static async Task<FaultProxy> StartAsync(Uri target)
    {
        var proxy = new FaultProxy(target);
        await proxy.ReappearAsync();
        return proxy;
    }

    /// <summary>The first request of that kind, whether it has arrived already or will.</summary>
    /// <exception cref="TimeoutException">There was none within a minute.</exception>
    public Task<FaultRequest> WaitForRequestAsync(Func<FaultRequest, bool> predicate)
    {
        lock (_gate)
        {
            if (_requests.FirstOrDefault(predicate) is { } seen)
            {
                return Task.FromResult(seen);
            }

            var next = new TaskCompletionSource<FaultRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((predicate, next));
            return next.Task.WaitAsync(Patience);
        }
    }

    /// <summary>Lets the requests that hang now go on; later ones hang again.</summary>
    public void ReleaseHung() => Interlocked.Exchange(ref _release, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <summary>Resets all connections and refuses new ones.</summary>
    public async Task VanishAsync()
    {
        if (Interlocked.Exchange(ref _listener, null) is { } listener)
        {
            // Cancelled at once: no grace for requests on their way.
            await listener.StopAsync(new CancellationToken(canceled: true));
            await listener.DisposeAsync();
        }
    }

    /// <summary>Listens again where it did.</summary>
    public async Task ReappearAsync()
    {
        if (_listener is not null)
        {
            return;
        }

        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.Listen((IPEndPoint)_port.LocalEndPoint!);
            options.AddServerHeader = false;
            options.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
            options.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            // A write ends when the socket has taken the bytes: a connection is then cut where it should be, not a buffer earlier.
            options.Limits.MaxResponseBufferSize = 0;
        });
        builder.WebHost.UseSockets(options => options.CreateBoundListenSocket = static endpoint =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            Bind(socket, endpoint);
            return socket;
        });
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(options => options.ShutdownTimeout = TimeSpan.Zero);
        WebApplication listener = builder.Build();
        listener.Run(PassAsync);
        await listener.StartAsync();
        _listener = listener;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await VanishAsync();
        _port.Dispose();
        Client.Dispose();
    }

    // With SO_REUSEADDR on both, a socket may listen on a port that another one merely holds.
    private static void Bind(Socket socket, EndPoint endpoint)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(endpoint);
    }

    internal FaultRequest Arrive(HttpContext context)
    {
        string target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        string? range = context.Request.Headers.Range;
        string? authorization = context.Request.Headers.Authorization;
        lock (_gate)
        {
            var request = new FaultRequest(_requests.Count + 1, context.Request.Method, target, range) { Authorization = authorization };
            _requests.Add(request);
            _waiting.RemoveAll(waiting => waiting.Predicate(request) && waiting.Seen.TrySetResult(request));
            return request;
        }
    }

    internal void Count(Fault fault) => _faults.AddOrUpdate(fault.Kind, 1, static (_, count) => count + 1);

    internal void AddBytes(int bytes) => Interlocked.Add(ref _bytesForwarded, bytes);

    private async Task PassAsync(HttpContext context)
    {
        using var exchange = new FaultExchange(context, this);
        try
        {
            exchange.Fault = Choose(exchange.Request);
            await (exchange.Fault is { } fault ? fault.PlayAsync(exchange) : exchange.ForwardAsync());
        }
        catch (HttpRequestException) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status502BadGateway;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            // The origin broke off, or the client has gone: what one side lost, the other must not take for whole.
            context.Abort();
        }
    }
}
