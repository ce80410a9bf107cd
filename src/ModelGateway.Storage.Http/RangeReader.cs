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

    /// <summary>The same for servers that take longer until the answer begins, because they fetch the object themselves.</summary>
    public static async Task CopyAsync(
        HttpClient client, HttpRequestMessage request, StoredObject source, long offset, long count, Stream destination, StoreTraffic traffic, TimeSpan firstByteTimeout, CancellationToken cancellationToken)
    {
        using var exchange = new PatientExchange($"'{source.Key}'", StallTimeout, time: null, cancellationToken) { FirstBytePatience = firstByteTimeout };
        await CopyAsync(exchange, client, request, source, new Part(offset, count), destination, traffic, cancellationToken);
    }

    internal static async Task CopyAsync(
        PatientExchange exchange, HttpClient client, HttpRequestMessage request, StoredObject source, Part part, Stream destination, StoreTraffic traffic, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        bool isWhole = part.Offset == 0 && part.Count == source.Size;
        if (part.Count == 0 && !isWhole)
        {
            return;
        }

        if (!isWhole)
        {
            request.Headers.Range = new RangeHeaderValue(part.Offset, part.Last);
        }

        using HttpResponseMessage response = await exchange.SendAsync(client, request);
        Check(response, source, part, isWhole);
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        await CopyContentAsync(exchange, content, source, part.Count, isWhole, destination, traffic);
    }

    /// <summary>The innermost message says what happened; the outer ones only that something did.</summary>
    public static string Describe(Exception exception) => exception.GetBaseException().Message;

    private static void Check(HttpResponseMessage response, StoredObject source, Part part, bool isWhole)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent when !isWhole:
                ContentRangeHeaderValue? range = response.Content.Headers.ContentRange;
                if (range is null || range.From != part.Offset || range.To != part.Last)
                {
                    throw new IOException($"'{source.Key}': the server sent another range than it was asked for.");
                }

                CheckSize(range.Length, source);

                break;
            case HttpStatusCode.OK when isWhole:
                CheckSize(response.Content.Headers.ContentLength, source);

                break;
            case HttpStatusCode.OK:
                throw new RangesIgnoredException(source.Key);
            case HttpStatusCode.NotFound or HttpStatusCode.Gone:
                throw new ObjectChangedException(source.Key, "was listed, but is not there");
            case HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable:
                throw new ObjectChangedException(source.Key);
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                throw new IOException($"'{source.Key}' cannot be read: the store refuses it ({(int)response.StatusCode} {response.StatusCode}); check the credentials and their permissions.");
            default:
                throw new IOException($"'{source.Key}' cannot be read: the store answers {(int)response.StatusCode} {response.StatusCode}.");
        }
    }

    private static void CheckSize(long? size, StoredObject source)
    {
        if (size is not null && size != source.Size)
        {
            throw new ObjectChangedException(source.Key, $"has {size} bytes, not the {source.Size} that were listed");
        }
    }

    /// <summary>
    /// Writes the content of an answer to the destination and sees to it that it is as long as was asked for; for stores whose SDK sends the
    /// request.
    /// </summary>
    /// <param name="exchange">Reads it.</param>
    /// <param name="content">The body.</param>
    /// <param name="source">As listed.</param>
    /// <param name="count">Bytes that were asked for.</param>
    /// <param name="isWhole">They are the whole object.</param>
    /// <param name="destination">What it throws passes through.</param>
    /// <param name="traffic">Counts the bytes.</param>
    public static async Task CopyContentAsync(
        PatientExchange exchange, Stream content, StoredObject source, long count, bool isWhole, Stream destination, StoreTraffic traffic)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            long left = count;
            while (true)
            {
                // One byte more than is left, at the end: an object that goes on is another than the listed one.
                int read = await exchange.ReadAsync(content, buffer.AsMemory(0, (int)Math.Min(left + 1, buffer.Length)));
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

                // The destination's own failures are its own: they are not dressed up as the store's.
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

    /// <summary>Which bytes.</summary>
    internal readonly record struct Part(long Offset, long Count)
    {
        public long Last => Offset + Count - 1;
    }
}
