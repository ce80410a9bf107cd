using System.IO.Compression;
using System.Net;
using System.Text.Json;

namespace ModelGateway.Storage.Gcs;

/// <summary>Says what a refusal of the JSON API means and what to change.</summary>
internal static class GcsRefusalReader
{
    // A longer body is none of the API's.
    private const int LargestBody = 1 << 16;
    private const int LongestMessage = 300;

    public static async Task<IOException> ReadAsync(HttpResponseMessage response, GcsLocation location, bool isAnonymous, CancellationToken cancellationToken)
    {
        GcsRefusalDetails? details = await ReadDetailsAsync(response, cancellationToken);
        string said = details?.Message is { Length: > 0 } message ? $" ({Plain(message)})" : "";
        string remedy = RemedyFor(response.StatusCode, details, isAnonymous);
        return new IOException($"'{location.Text}': the store answers {(int)response.StatusCode} {response.StatusCode}{said}.{remedy}");
    }

    private static string RemedyFor(HttpStatusCode status, GcsRefusalDetails? details, bool isAnonymous)
    {
        bool isTooFast = details?.Errors?.Any(error => error?.Reason?.EndsWith("LimitExceeded", StringComparison.Ordinal) == true) == true;
        return status switch
        {
            HttpStatusCode.Unauthorized when isAnonymous =>
                " Requests are anonymous: configure credentials (Gateway:Gcs:Anonymous, Gateway:Gcs:CredentialsFile), or give allUsers the role roles/storage.objectViewer on the bucket.",
            HttpStatusCode.Unauthorized => " A new access token was refused too: check that the account exists, that its key is not revoked, and this machine's clock.",
            HttpStatusCode.Forbidden when !isTooFast =>
                " Give the account the role roles/storage.objectViewer on the bucket; with Gateway:Gcs:UserProject also roles/serviceusage.serviceUsageConsumer on that project.",
            HttpStatusCode.BadRequest when details?.Message?.Contains("user project", StringComparison.OrdinalIgnoreCase) == true =>
                " The requester pays for this bucket: set Gateway:Gcs:UserProject to the project that pays.",
            _ => "",
        };
    }

    // The answer is worth reading, but what it says is more important than why it cannot be read.
    private static async Task<GcsRefusalDetails?> ReadDetailsAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(LargestBody, cancellationToken);
            await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);

            // Reads of objects say that they take gzip, which then holds for a refusal as well.
            await using Stream text = response.Content.Headers.ContentEncoding.Contains("gzip") ? new GZipStream(body, CompressionMode.Decompress) : body;
            byte[] json = new byte[LargestBody];
            int length = await text.ReadAtLeastAsync(json, json.Length, throwOnEndOfStream: false, cancellationToken);
            return JsonSerializer.Deserialize(json.AsSpan(0, length), GcsJson.Default.GcsRefusal)?.Error;
        }
        catch (Exception exception) when (exception is JsonException or HttpRequestException or IOException or InvalidDataException)
        {
            return null;
        }
    }

    // It comes from outside and goes to logs: one line, and not long.
    private static string Plain(string message)
    {
        string start = message.Length > LongestMessage ? message[..LongestMessage] : message;
        return string.Create(start.Length, start, static (span, text) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(text[i]) ? ' ' : text[i];
            }
        }).TrimEnd('.');
    }
}
