namespace ModelGateway.Storage.Gcs;

/// <summary>Writes the requests of the JSON API for one bucket, see https://cloud.google.com/storage/docs/json_api/v1/objects.</summary>
/// <param name="location">The bucket and what stands before the keys.</param>
/// <param name="endpoint">Ends in a slash.</param>
/// <param name="userProject">Who pays, where it is not the bucket's owner.</param>
internal sealed class GcsRequest(GcsLocation location, Uri endpoint, string? userProject)
{
    private const string ObjectFields = "name,size,generation,md5Hash,crc32c,updated";

    // The most that the API gives.
    private const int PageSize = 1000;

    private static readonly HttpRequestOptionsKey<string> Operation = new("operation");

    private readonly string _objects = $"{endpoint}storage/v1/b/{Uri.EscapeDataString(location.Bucket)}/o";
    private readonly string _payer = userProject is null ? "" : $"&userProject={Uri.EscapeDataString(userProject)}";

    /// <summary>What a request asks for, for <see cref="Http.ObservedHandler"/>.</summary>
    public static string OperationOf(HttpRequestMessage request) => request.Options.TryGetValue(Operation, out string? operation) ? operation : "other";

    /// <summary>One page of the listing.</summary>
    /// <param name="pageToken">Of the page before; null for the first.</param>
    public HttpRequestMessage List(string? pageToken)
    {
        string page = pageToken is null ? "" : $"&pageToken={Uri.EscapeDataString(pageToken)}";
        string query = $"prefix={Uri.EscapeDataString(location.Prefix)}&maxResults={PageSize}&fields=kind,nextPageToken,items({ObjectFields})&prettyPrint=false";
        return Get($"{_objects}?{query}{page}", "list");
    }

    /// <summary>What a listing says of one object.</summary>
    public HttpRequestMessage Find(string key) => Get($"{Object(key)}?fields={ObjectFields}&prettyPrint=false", "head");

    /// <summary>An object's bytes.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="generation">That content and no other; empty for the newest.</param>
    public HttpRequestMessage Read(string key, string generation)
    {
        string pin = generation.Length == 0 ? "" : $"&generation={Uri.EscapeDataString(generation)}";
        HttpRequestMessage request = Get($"{Object(key)}?alt=media{pin}", "get");

        // Without this header an object that is stored compressed (Content-Encoding: gzip) arrives decompressed: another size than the
        // listed one, another checksum, and ranges are ignored. With it the bytes come as they are stored, and nothing here decompresses.
        request.Headers.AcceptEncoding.Add(new("gzip"));
        return request;
    }

    // The name is one part of the path: its slashes are escaped too, so that nothing in it can lead elsewhere.
    private string Object(string key) => $"{_objects}/{Uri.EscapeDataString(location.Prefix + key)}";

    private HttpRequestMessage Get(string uri, string operation)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, uri + _payer);
        request.Options.Set(Operation, operation);
        return request;
    }
}
