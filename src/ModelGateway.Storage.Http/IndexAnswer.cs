using System.Net;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.Http;

/// <summary>What a web server may answer to a request for the index.</summary>
internal static class IndexAnswer
{
    private const int BufferSize = 1 << 16;

    /// <summary>Anything but the index is a failure that says what to change.</summary>
    public static void Check(HttpResponseMessage response, string location)
    {
        if (response.StatusCode == HttpStatusCode.OK)
        {
            return;
        }

        string status = $"{(int)response.StatusCode} {response.StatusCode}";
        const string Section = "Gateway:" + HttpStoreOptions.Section;
        throw new IOException(response.StatusCode switch
        {
            HttpStatusCode.NotFound or HttpStatusCode.Gone => $"The repository {location} is not there ({status}): the URI must name its index, which whoever publishes models writes last.",
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => $"The repository {location} cannot be read: the server refuses it ({status}); check {Section}:BearerToken or {Section}:Username, and what they may read.",
            _ => $"The repository {location} cannot be read: the server answers {status}.",
        });
    }

    /// <summary>The body, as long as it is not larger than an index may be.</summary>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(PatientExchange exchange, HttpResponseMessage response, string location, CancellationToken cancellationToken)
    {
        long? length = response.Content.Headers.ContentLength;
        if (length > RepositoryIndex.LargestSize)
        {
            throw TooLarge(location);
        }

        // A server that tells no length is believed for as long as it sends.
        byte[] body = new byte[(int)(length ?? BufferSize) + 1];
        int filled = 0;
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        while (await exchange.ReadAsync(content, body.AsMemory(filled)) is var read and > 0)
        {
            filled += read;
            if (filled > RepositoryIndex.LargestSize)
            {
                throw TooLarge(location);
            }

            if (filled == body.Length)
            {
                Array.Resize(ref body, Math.Min(filled * 2, RepositoryIndex.LargestSize + 1));
            }
        }

        return body.AsMemory(0, filled);
    }

    private static IOException TooLarge(string location) =>
        new($"The repository {location} cannot be read: its index has more than the {RepositoryIndex.LargestSize} bytes that are read.");
}
