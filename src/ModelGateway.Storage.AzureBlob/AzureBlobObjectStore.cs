using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.AzureBlob;

/// <summary>
/// The current blobs of a container below a prefix: no snapshots, no versions, nothing deleted. Azure has no marker for a whole container:
/// a listing costs a request for every 5000 blobs.
/// </summary>
internal sealed class AzureBlobObjectStore(BlobAddress address, BlobConnection connection, StoreTraffic traffic, TimeProvider time) : IObjectStore
{
    private const int BufferSize = 1 << 17;

    // A whole request or page, its retries and the pauses that the service asks for included.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public string Location => address.Location;

    public bool SupportsRanges => true;

    /// <summary>Blobs on a page of a listing; the service gives no more than 5000.</summary>
    internal int PageSize { get; init; } = 5000;

    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        // Metadata tells the placeholders of folders from empty blobs.
        var options = new GetBlobsOptions { Prefix = address.Prefix, Traits = BlobTraits.Metadata };
        BlobContainerClient container = connection.Container;
        var objects = new List<StoredObject>();
        string? continuation = null;
        do
        {
            Page<BlobItem> page = await AskAsync($"'{Location}' cannot be listed", token => ListPageAsync(container, options, continuation, token), cancellationToken);
            objects.AddRange(page.Values.Select(Listed).OfType<StoredObject>());
            continuation = page.ContinuationToken;
        }
        while (!string.IsNullOrEmpty(continuation));

        return new ObjectListing(objects, Marker: null);
    }

    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!ObjectKey.IsListed(key))
        {
            return null;
        }

        BlobClient blob = connection.Container.GetBlobClient(address.Prefix + key);
        BlobProperties? found = await AskAsync($"'{key}' cannot be found", async token => await PropertiesAsync(blob, token), cancellationToken);
        return found is null || IsFolder(found.Metadata)
            ? null
            : new StoredObject(key, found.ContentLength, TagOf(found.ETag), found.LastModified) { Checksum = ChecksumOf(found.ContentHash) };
    }

    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool isWhole = offset == 0 && count == source.Size;
        if (!ObjectKey.IsListed(source.Key))
        {
            throw new ObjectChangedException(source.Key);
        }

        if (count == 0 && !isWhole)
        {
            return;
        }

        using var stall = new CancellationTokenSource(RangeReader.StallTimeout, time);
        using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(stall.Token, cancellationToken);
        using BlobDownloadStreamingResult download = await BeginAsync(source, isWhole ? default : new HttpRange(offset, count), both.Token, cancellationToken);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long left = count;
            while (true)
            {
                // One byte more than is left, at the end: what goes on is not what was asked for.
                stall.CancelAfter(RangeReader.StallTimeout);
                int read = await ReadAsync(download.Content, source, buffer.AsMemory(0, (int)Math.Min(left + 1, buffer.Length)), both.Token, cancellationToken);
                if (read == 0)
                {
                    break;
                }

                if (read > left)
                {
                    throw new IOException($"'{source.Key}': the account sent more than it was asked for.");
                }

                left -= read;
                traffic.AddBytes(read);

                // The destination's own failures are its own, and its time is not the store's.
                stall.CancelAfter(Timeout.InfiniteTimeSpan);
                await destination.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
            }

            if (left > 0)
            {
                throw new IOException($"'{source.Key}': the connection ended {left} bytes early.");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static bool IsFolder(IDictionary<string, string>? metadata) =>
        metadata is not null && metadata.TryGetValue("hdi_isfolder", out string? value) && string.Equals(value, "true", StringComparison.OrdinalIgnoreCase);

    // Headers have it in quotation marks, listings without.
    private static string TagOf(ETag tag) => tag.ToString("H");

    // Whoever uploaded gave it, and the service checked it then; large uploads in blocks often have none.
    private static ObjectChecksum? ChecksumOf(byte[]? md5) =>
        md5?.Length == ObjectChecksum.LengthOf(ChecksumAlgorithm.Md5) ? new ObjectChecksum(ChecksumAlgorithm.Md5, Convert.ToHexStringLower(md5)) : null;

    private async Task<Page<BlobItem>> ListPageAsync(BlobContainerClient container, GetBlobsOptions options, string? continuation, CancellationToken cancellationToken)
    {
        await foreach (Page<BlobItem> page in container.GetBlobsAsync(options, cancellationToken).AsPages(continuation, PageSize).WithCancellation(cancellationToken))
        {
            return page;
        }

        // An empty container has a page without blobs.
        throw new IOException("the answer is no listing.");
    }

    private StoredObject? Listed(BlobItem blob)
    {
        string key = blob.Name.StartsWith(address.Prefix, StringComparison.Ordinal) ? blob.Name[address.Prefix.Length..] : "";
        BlobItemProperties properties = blob.Properties;
        return !ObjectKey.IsListed(key) || IsFolder(blob.Metadata) || properties.ETag is not { } tag
            ? null
            : new StoredObject(key, properties.ContentLength ?? 0, TagOf(tag), properties.LastModified ?? DateTimeOffset.UnixEpoch) { Checksum = ChecksumOf(properties.ContentHash) };
    }

    private static async Task<BlobProperties?> PropertiesAsync(BlobClient blob, CancellationToken cancellationToken)
    {
        try
        {
            return await blob.GetPropertiesAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException exception) when (exception is { Status: (int)HttpStatusCode.NotFound, ErrorCode: not "ContainerNotFound" })
        {
            return null;
        }
    }

    private async Task<BlobDownloadStreamingResult> BeginAsync(StoredObject source, HttpRange range, CancellationToken either, CancellationToken cancellationToken)
    {
        BlobClient blob = connection.Container.GetBlobClient(address.Prefix + source.Key);
        var options = new BlobDownloadOptions { Range = range };
        if (source.Tag.Length > 0)
        {
            options.Conditions = new BlobRequestConditions { IfMatch = new ETag(source.Tag) };
        }

        try
        {
            BlobDownloadStreamingResult download = await blob.DownloadStreamingAsync(options, either);
            if (IsAsListed(download.Details, source, range))
            {
                return download;
            }

            download.Dispose();
            throw new ObjectChangedException(source.Key);
        }
        catch (RequestFailedException exception) when ((HttpStatusCode)exception.Status
            is HttpStatusCode.NotFound or HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            throw new ObjectChangedException(source.Key);
        }
        catch (Exception exception) when (exception is not ObjectChangedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (connection.Failures.Describe(exception, $"'{source.Key}' cannot be read") is { } failure)
            {
                throw failure;
            }

            throw;
        }
    }

    private static bool IsAsListed(BlobDownloadDetails details, StoredObject source, HttpRange range)
    {
        if (range == default)
        {
            return details.ContentLength == source.Size;
        }

        return ContentRangeHeaderValue.TryParse(details.ContentRange, out ContentRangeHeaderValue? sent)
            && sent.From == range.Offset && sent.To == range.Offset + range.Length - 1
                ? sent.Length is null || sent.Length == source.Size
                : throw new IOException($"'{source.Key}': the account sent another range than it was asked for.");
    }

    private async ValueTask<int> ReadAsync(Stream content, StoredObject source, Memory<byte> buffer, CancellationToken either, CancellationToken cancellationToken)
    {
        try
        {
            return await content.ReadAsync(buffer, either);
        }
        catch (Exception exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (connection.Failures.Describe(exception, $"'{source.Key}'") is { } failure)
            {
                throw failure;
            }

            throw;
        }
    }

    private async Task<T> AskAsync<T>(string subject, Func<CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var patience = new CancellationTokenSource(Patience, time);
        using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await ask(both.Token);
        }
        catch (Exception exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (connection.Failures.Describe(exception, subject) is { } failure)
            {
                throw failure;
            }

            throw;
        }
    }
}
