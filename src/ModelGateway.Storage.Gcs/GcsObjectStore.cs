using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.Gcs;

/// <summary>
/// A bucket, or what lies below a prefix in it. An object's tag is its generation: a new one with every write, so that a read of a
/// generation gives the listed content or nothing, also where it is overwritten meanwhile.
/// </summary>
/// <param name="location">For messages and logs.</param>
/// <param name="requests">Writes the requests.</param>
/// <param name="client">Sends them, see <see cref="GcsHandler"/>.</param>
/// <param name="traffic">Counts the bytes.</param>
internal sealed class GcsObjectStore(GcsLocation location, GcsRequest requests, HttpClient client, StoreTraffic traffic) : IObjectStore
{
    // A page of 1,000 objects whose names are as long as Google allows, several times over.
    private const int LargestAnswer = 1 << 24;

    public string Location => location.Text;

    public bool SupportsRanges => true;

    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        var objects = new List<StoredObject>();
        string? pageToken = null;
        do
        {
            GcsPage page = await ListPageAsync(pageToken, cancellationToken);
            foreach (GcsItem item in page.Items ?? [])
            {
                if (item.Name.StartsWith(location.Prefix, StringComparison.Ordinal) && item.Name[location.Prefix.Length..] is var key && ObjectKey.IsListed(key))
                {
                    objects.Add(item.ToStoredObject(key));
                }
            }

            if (page.NextPageToken is { Length: > 0 } next && next == pageToken)
            {
                throw new IOException($"'{Location}' cannot be listed: the store gives the same page again.");
            }

            pageToken = page.NextPageToken;
        }
        while (!string.IsNullOrEmpty(pageToken));

        return new ObjectListing(objects, Marker: null);
    }

    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (!ObjectKey.IsListed(key))
        {
            return null;
        }

        using HttpRequestMessage request = requests.Find(key);
        GcsItem? item = await AskAsync(request, GcsJson.Default.GcsItem, cancellationToken);
        return item is null ? null
            : item.Name == location.Prefix + key && item.Size >= 0 ? item.ToStoredObject(key)
            : throw Damaged("it answers with another object than it was asked for");
    }

    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        if (!ObjectKey.IsListed(source.Key))
        {
            throw new ObjectChangedException(source.Key);
        }

        using HttpRequestMessage request = requests.Read(source.Key, source.Tag);
        await RangeReader.CopyAsync(client, request, source, offset, count, destination, traffic, cancellationToken);
    }

    private async Task<GcsPage> ListPageAsync(string? pageToken, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = requests.List(pageToken);
        GcsPage page = await AskAsync(request, GcsJson.Default.GcsPage, cancellationToken)
            ?? throw new IOException($"'{Location}' cannot be listed: there is no bucket '{location.Bucket}'; check its name.");

        // An answer that only looks like an empty listing would unload every model.
        return page.Kind == GcsPage.ListingKind && (page.Items ?? []).All(item => item is { Size: >= 0, Name.Length: > 0 })
            ? page
            : throw Damaged("it is not a listing of objects");
    }

    // Null where the store says that there is no such thing.
    private async Task<T?> AskAsync<T>(HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            stall.CancelAfter(RangeReader.StallTimeout);
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }

            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new IOException($"'{Location}' cannot be read: the store answers {(int)response.StatusCode} {response.StatusCode}.");
            }

            using MemoryStream body = await ReadAsync(response, stall);
            return JsonSerializer.Deserialize(body.GetBuffer().AsSpan(0, (int)body.Length), type) ?? throw Damaged("it is null");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"'{Location}' cannot be read: nothing arrived for {RangeReader.StallTimeout.TotalSeconds} seconds.");
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpIOException)
        {
            throw new IOException($"'{Location}' cannot be read: {RangeReader.Describe(exception)}", exception);
        }
        catch (JsonException exception)
        {
            throw Damaged(exception.Message, exception);
        }
    }

    private async Task<MemoryStream> ReadAsync(HttpResponseMessage response, CancellationTokenSource stall)
    {
        await using Stream content = await response.Content.ReadAsStreamAsync(stall.Token);
        var body = new MemoryStream();
        byte[] buffer = new byte[1 << 14];
        while (true)
        {
            stall.CancelAfter(RangeReader.StallTimeout);
            int read;
            try
            {
                read = await content.ReadAsync(buffer, stall.Token);
            }
            catch (IOException exception)
            {
                throw new IOException($"'{Location}' cannot be read: the connection was cut: {RangeReader.Describe(exception)}", exception);
            }

            if (read == 0)
            {
                return body;
            }

            body.Write(buffer, 0, read);
            if (body.Length > LargestAnswer)
            {
                throw Damaged($"it is larger than {LargestAnswer} bytes");
            }
        }
    }

    private IOException Damaged(string why, Exception? cause = null) => new($"'{Location}': the store's answer is damaged: {why}.", cause);
}
