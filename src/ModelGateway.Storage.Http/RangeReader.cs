using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.Http;

/// <summary>Reads a range of an object by HTTP GET and sees to it that it is that range, whole.</summary>
public static class RangeReader
{
    private const int BufferSize = 1 << 17;

    /// <summary>Nothing arrives for this long: the connection is given up.</summary>
    public static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Sends <paramref name="request"/> with a Range header, unless the whole object is asked for, and writes the bytes to the destination.
    /// </summary>
    /// <param name="client">Its own timeout should be infinite: a large object takes long, and stalls are noticed here.</param>
    /// <param name="request">A GET with all headers but Range; conditions (If-Match) included.</param>
    /// <param name="source">As listed.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="count">Bytes; with none, nothing is sent.</param>
    /// <param name="destination">What it throws passes through.</param>
    /// <param name="traffic">Counts the bytes.</param>
    /// <param name="cancellationToken">Ends the copy.</param>
    /// <exception cref="ObjectChangedException">404, 410, 412 or 416, or another length than listed.</exception>
    /// <exception cref="RangesIgnoredException">A part was asked for, and the server began to send the whole.</exception>
    /// <exception cref="IOException">Anything else; the message names the status or the cause.</exception>
    public static Task CopyAsync(
        HttpClient client, HttpRequestMessage request, StoredObject source, long offset, long count, Stream destination, StoreTraffic traffic, CancellationToken cancellationToken) =>
        CopyAsync(client, request, source, offset, count, destination, traffic, StallTimeout, cancellationToken);

    /// <summary>The same for servers that may take longer than <see cref="StallTimeout"/> until the answer begins.</summary>
    public static async Task CopyAsync(
        HttpClient client, HttpRequestMessage request, StoredObject source, long offset, long count, Stream destination, StoreTraffic traffic, TimeSpan answerTimeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool isWhole = offset == 0 && count == source.Size;
        if (count == 0 && !isWhole)
        {
            return;
        }

        if (!isWhole)
        {
            request.Headers.Range = new RangeHeaderValue(offset, offset + count - 1);
        }

        using CancellationTokenSource stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            stall.CancelAfter(answerTimeout);
            using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token);
            Check(response, source, offset, count, isWhole);
            await using Stream content = await response.Content.ReadAsStreamAsync(stall.Token);
            await CopyAsync(content, source, count, isWhole, destination, traffic, stall);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"'{source.Key}': nothing arrived for {StallTimeout.TotalSeconds} seconds, or {answerTimeout.TotalSeconds} at the beginning.");
        }
        catch (HttpRequestException exception)
        {
            throw new IOException($"'{source.Key}' cannot be read: {Describe(exception)}", exception);
        }
    }

    /// <summary>The innermost message says what happened; the outer ones only that something did.</summary>
    public static string Describe(Exception exception) => exception.GetBaseException().Message;

    private static void Check(HttpResponseMessage response, StoredObject source, long offset, long count, bool isWhole)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent when !isWhole:
                ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
                if (range is null || range.From != offset || range.To != offset + count - 1)
                {
                    throw new IOException($"'{source.Key}': the server sent another range than it was asked for.");
                }

                if (range.Length is { } length && length != source.Size)
                {
                    throw new ObjectChangedException(source.Key);
                }

                break;
            case HttpStatusCode.OK when isWhole:
                if (response.Content.Headers.ContentLength is { } size && size != source.Size)
                {
                    throw new ObjectChangedException(source.Key);
                }

                break;
            case HttpStatusCode.OK:
                throw new RangesIgnoredException(source.Key);
            case HttpStatusCode.NotFound or HttpStatusCode.Gone or HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable:
                throw new ObjectChangedException(source.Key);
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                throw new IOException($"'{source.Key}' cannot be read: the store refuses it ({(int)response.StatusCode} {response.StatusCode}); check the credentials and their permissions.");
            default:
                throw new IOException($"'{source.Key}' cannot be read: the store answers {(int)response.StatusCode} {response.StatusCode}.");
        }
    }

    private static async Task CopyAsync(
        Stream content, StoredObject source, long count, bool isWhole, Stream destination, StoreTraffic traffic, CancellationTokenSource stall)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long left = count;
            while (true)
            {
                // One byte more than is left, at the end: an object that goes on is another than the listed one.
                stall.CancelAfter(StallTimeout);
                int read = await ReadAsync(content, source, buffer.AsMemory(0, (int)Math.Min(left + 1, buffer.Length)), stall.Token);
                if (read == 0)
                {
                    break;
                }

                if (read > left)
                {
                    throw isWhole ? new ObjectChangedException(source.Key) : new IOException($"'{source.Key}': the server sent more than it was asked for.");
                }

                left -= read;
                traffic.AddBytes(read);

                // The destination's own failures are its own: they are not dressed up as the store's, and do not count as a stall.
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

    private static async ValueTask<int> ReadAsync(Stream content, StoredObject source, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await content.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception exception) when (exception is HttpIOException or IOException)
        {
            throw new IOException($"'{source.Key}': the connection was cut: {Describe(exception)}", exception);
        }
    }
}
