using System.Net;
using System.Net.Http.Headers;
using Amazon.S3;
using Amazon.S3.Model;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.S3;

/// <summary>
/// The objects below a prefix of a bucket. Safe for any thread. S3 has no cheap marker of change: a listing costs one request a
/// thousand objects. A GET sends one state of an object even where it is replaced meanwhile, and names it by its ETag.
/// </summary>
internal sealed class S3ObjectStore(S3Location location, S3Connection connection, bool requesterPays, StoreTraffic traffic, TimeProvider time) : IObjectStore
{
    private const int PageSize = 1000;

    // For all attempts of the SDK together, until the answer begins; a page of a listing is small, and read whole in this time.
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    private readonly RequestPayer? _payer = requesterPays ? RequestPayer.Requester : null;

    /// <inheritdoc/>
    public string Location { get; } = location.ToString();

    /// <inheritdoc/>
    public bool SupportsRanges => true;

    /// <inheritdoc/>
    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        // Names come encoded, because XML has no place for some characters that names may hold: one such name would spoil the listing.
        var request = new ListObjectsV2Request
        {
            BucketName = location.Bucket,
            Prefix = location.Prefix,
            MaxKeys = PageSize,
            Encoding = EncodingType.Url,
            RequestPayer = _payer,
        };
        var objects = new List<StoredObject>();
        while (true)
        {
            ListObjectsV2Response page = await AskAsync((client, token) => client.ListObjectsV2Async(request, token), null, cancellationToken);
            if (string.IsNullOrEmpty(page.Name))
            {
                // The SDK takes any XML for a listing without objects, and then all models would be gone.
                throw S3Failures.NoListing(location);
            }

            AddTo(objects, page);
            if (page.IsTruncated is not true)
            {
                return new ObjectListing(objects, Marker: null);
            }

            if (string.IsNullOrEmpty(page.NextContinuationToken) || page.NextContinuationToken == request.ContinuationToken)
            {
                throw new IOException($"'{location}' cannot be listed: the store does not say how its listing goes on.");
            }

            request.ContinuationToken = page.NextContinuationToken;
        }
    }

    /// <inheritdoc/>
    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (!ObjectKey.IsListed(key) || await HeadAsync(key, null, cancellationToken) is not { } head)
        {
            return null;
        }

        return new StoredObject(key, head.ContentLength, head.ETag ?? "", ToTime(head.LastModified)) { Checksum = S3Checksum.Of(head, location.Bucket) };
    }

    /// <inheritdoc/>
    public async Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!ObjectKey.IsListed(source.Key))
        {
            throw new ObjectChangedException(source.Key);
        }

        if (count == 0)
        {
            await CopyNothingAsync(source, cancellationToken);
            return;
        }

        // With a range even for the whole: the SDK would else take the ETag for an MD5 and compute that of all it reads.
        var request = new GetObjectRequest
        {
            BucketName = location.Bucket,
            Key = location.Prefix + source.Key,
            ByteRange = new ByteRange(offset, offset + count - 1),
            EtagToMatch = ConditionOf(source),
            RequestPayer = _payer,
        };
        using GetObjectResponse response = await AskAsync((client, token) => client.GetObjectAsync(request, token), source.Key, cancellationToken);
        Check(response, source, offset, count);
        using var exchange = new PatientExchange($"'{source.Key}'", RangeReader.StallTimeout, time, cancellationToken);
        await RangeReader.CopyContentAsync(exchange, response.ResponseStream, source, count, isWhole: count == source.Size, destination, traffic);
    }

    // No range names no bytes. Of an empty object it is still to be seen that it is there and empty.
    private async Task CopyNothingAsync(StoredObject source, CancellationToken cancellationToken)
    {
        if (source.Size == 0 && await HeadAsync(source.Key, ConditionOf(source), cancellationToken) is not { ContentLength: 0 })
        {
            throw new ObjectChangedException(source.Key);
        }
    }

    private static string? ConditionOf(StoredObject source) => source.Tag.Length == 0 ? null : source.Tag;

    private async Task<GetObjectMetadataResponse?> HeadAsync(string key, string? condition, CancellationToken cancellationToken)
    {
        var request = new GetObjectMetadataRequest
        {
            BucketName = location.Bucket,
            Key = location.Prefix + key,
            EtagToMatch = condition,
            ChecksumMode = ChecksumMode.ENABLED,
            RequestPayer = _payer,
        };
        try
        {
            return await AskAsync((client, token) => client.GetObjectMetadataAsync(request, token), key, cancellationToken);
        }
        catch (ObjectChangedException) when (condition is null)
        {
            return null;
        }
    }

    // Sends one question, and turns its failure into words. What is not there, or not as it was, is an ObjectChangedException.
    private async Task<TAnswer> AskAsync<TAnswer>(Func<AmazonS3Client, CancellationToken, Task<TAnswer>> ask, string? key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        AmazonS3Client client = await connection.GetClientAsync(cancellationToken);
        using var late = new CancellationTokenSource(AnswerTimeout, time);
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await ask(client, end.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw S3Failures.Explain(new TimeoutException($"there is no answer within {AnswerTimeout.TotalSeconds} seconds"), location, key);
        }
        catch (AmazonS3Exception exception) when (key is not null && exception.ErrorCode != "NoSuchBucket" && exception.StatusCode is HttpStatusCode.NotFound
            or HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            throw new ObjectChangedException(key!);
        }
        catch (Exception exception) when (S3Failures.AreOfTheSdk(exception))
        {
            throw S3Failures.Explain(exception, location, key);
        }
    }

    private void AddTo(List<StoredObject> objects, ListObjectsV2Response page)
    {
        foreach (S3Object item in page.S3Objects ?? [])
        {
            string name = page.Encoding == EncodingType.Url ? WebUtility.UrlDecode(item.Key) : item.Key;
            if (name.StartsWith(location.Prefix, StringComparison.Ordinal) && name[location.Prefix.Length..] is var key && ObjectKey.IsListed(key))
            {
                objects.Add(new StoredObject(key, item.Size ?? 0, item.ETag ?? "", ToTime(item.LastModified)));
            }
        }
    }

    private static void Check(GetObjectResponse response, StoredObject source, long offset, long count)
    {
        if (response.HttpStatusCode == HttpStatusCode.OK)
        {
            if (count != source.Size)
            {
                throw new RangesIgnoredException(source.Key);
            }
        }
        else if (!ContentRangeHeaderValue.TryParse(response.ContentRange, out ContentRangeHeaderValue? range) || range.From != offset || range.Length is { } length && length != source.Size)
        {
            // Without a condition it may be another object by now.
            throw range?.Length is { } other && other != source.Size
                ? new ObjectChangedException(source.Key)
                : new IOException($"'{source.Key}': the store sent another range than it was asked for.");
        }
    }

    private static DateTimeOffset ToTime(DateTime? time) => time is { } known ? new DateTimeOffset(known.ToUniversalTime()) : DateTimeOffset.UnixEpoch;
}
