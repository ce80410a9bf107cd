using System.Net;
using System.Security.Cryptography;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.Http;

/// <summary>
/// A repository on a plain web server: <see cref="RepositoryIndex"/> is its listing, and the objects lie relative to it. While nothing
/// changes, a poll is one conditional GET.
/// </summary>
/// <remarks>
/// Shared by all threads: the index that was read last, replaced whole. Requests that overlap each answer what they saw; the last one to end
/// is remembered, and if that was the older one, the next poll corrects it.
/// </remarks>
internal sealed class HttpObjectStore : IObjectStore, IDisposable
{
    private const string DigestPrefix = "sha256 ";
    private static readonly HttpRequestOptionsKey<string> Operation = new(nameof(Operation));

    private readonly Uri _index;
    private readonly string _indexName;
    private readonly StoreContext _context;
    private readonly TimeSpan _patience;
    private readonly HttpClient _client;
    private volatile IndexContent? _last;
    private volatile bool _supportsRanges = true;

    /// <param name="index">Where the index is; without faults.</param>
    /// <param name="credentials">Those for the server of the index.</param>
    /// <param name="connections">Sends the requests; it follows no redirects.</param>
    /// <param name="context">What every store is given.</param>
    /// <param name="patience">The longest time in which nothing arrives.</param>
    public HttpObjectStore(Uri index, HttpCredentials credentials, SocketsHttpHandler connections, StoreContext context, TimeSpan patience)
    {
        _index = index;
        _indexName = Uri.UnescapeDataString(index.Segments[^1]);
        _context = context;
        _patience = patience;
        var observed = new ObservedHandler(context.Traffic, request => request.Options.TryGetValue(Operation, out string? operation) ? operation : "get", connections);
        _client = new HttpClient(new OriginHandler(index, credentials, observed)) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.Add("Accept-Encoding", "identity");
        _client.DefaultRequestHeaders.Add("User-Agent", "ModelGateway");
    }

    public string Location => _index.AbsoluteUri;

    public bool SupportsRanges => _supportsRanges;

    /// <summary>The index is written last: what it names is complete.</summary>
    public bool MustSettle => false;

    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken) =>
        await RefreshAsync(unlessMarker, cancellationToken) is { } now && !now.IsKnownAs(unlessMarker) ? now.Listing : null;

    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        IndexContent now = (await RefreshAsync(null, cancellationToken))!;
        foreach (StoredObject item in now.Listing.Objects)
        {
            if (item.Key == key)
            {
                return item;
            }
        }

        return null;
    }

    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        if (!ObjectKey.IsListed(source.Key))
        {
            throw new ObjectChangedException(source.Key, "is no name that an index could have");
        }

        try
        {
            await CheckedCopy.RunAsync(source, offset, count, destination, async checking =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, AddressOf(source.Key));
                using var exchange = new PatientExchange($"'{source.Key}'", _patience, time: null, cancellationToken);
                await RangeReader.CopyAsync(exchange, _client, request, source, new RangeReader.Part(offset, count), checking, _context.Traffic, cancellationToken);
            });
        }
        catch (RangesIgnoredException)
        {
            _supportsRanges = false;
            throw;
        }
    }

    // The index as it is now; null where it is the one that the marker names, and this process has not read that one.
    private async Task<IndexContent?> RefreshAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        IndexContent? last = _last;
        bool isLast = unlessMarker is null || unlessMarker == last?.Listing.Marker;
        IndexValidator? condition = isLast ? last?.Validator : IndexValidator.FromMarker(unlessMarker!);
        using var request = new HttpRequestMessage(HttpMethod.Get, _index);
        request.Options.Set(Operation, "list");
        condition?.AddTo(request.Headers);

        using var exchange = new PatientExchange($"The repository {Location}", _patience, time: null, cancellationToken);
        using HttpResponseMessage response = await exchange.SendAsync(_client, request);
        if (response.StatusCode == HttpStatusCode.NotModified && condition is not null)
        {
            return isLast ? last : null;
        }

        IndexAnswer.Check(response, Location);
        ReadOnlyMemory<byte> body = await IndexAnswer.ReadAsync(exchange, response, Location, cancellationToken);
        _context.Traffic.AddBytes(body.Length);
        return _last = Read(body.Span, response, last);
    }

    private IndexContent Read(ReadOnlySpan<byte> body, HttpResponseMessage response, IndexContent? last)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(body));
        IndexValidator? validator = IndexValidator.From(response, _context.Time.GetUtcNow());
        return last is not null && last.Digest == digest
            ? last with { Validator = validator }
            : new IndexContent(new ObjectListing(Parse(body, response), validator?.Marker ?? DigestPrefix + digest), digest, validator);
    }

    private IReadOnlyList<StoredObject> Parse(ReadOnlySpan<byte> body, HttpResponseMessage response)
    {
        try
        {
            DateTimeOffset written = response.Content.Headers.LastModified ?? response.Headers.Date ?? _context.Time.GetUtcNow();
            IReadOnlyList<StoredObject> objects = RepositoryIndex.Parse(body, written);
            return _indexName == RepositoryIndex.FileName ? objects : [.. objects.Where(item => item.Key != _indexName)];
        }
        catch (FormatException exception)
        {
            throw new IOException($"The repository {Location} cannot be read: {exception.Message}", exception);
        }
    }

    public void Dispose() => _client.Dispose();

    private Uri AddressOf(string key) => new(_index, string.Join('/', key.Split('/').Select(Uri.EscapeDataString)));

    /// <param name="Listing">Its marker stays as it was as long as the body does, even if the server finds another validator for it.</param>
    /// <param name="Digest">SHA-256 of the body.</param>
    /// <param name="Validator">For the next request; null where the server has none that can be believed.</param>
    private sealed record IndexContent(ObjectListing Listing, string Digest, IndexValidator? Validator)
    {
        public bool IsKnownAs(string? marker) => marker is not null && (marker == Listing.Marker || marker == DigestPrefix + Digest);
    }
}
