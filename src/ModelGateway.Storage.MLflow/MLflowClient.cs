using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.MLflow;

/// <summary>The few calls of MLflow's REST API that the store makes. Credentials go to this one server and never through a redirect.</summary>
/// <param name="http">Over <see cref="ObservedHandler"/>, without redirects and without a timeout of its own.</param>
/// <param name="server">The tracking server, with a slash at the end.</param>
/// <param name="credentials">Sent with every call.</param>
/// <param name="traffic">Counts the bytes of artifacts.</param>
internal sealed class MLflowClient(HttpClient http, Uri server, MLflowCredentials credentials, StoreTraffic traffic) : IDisposable
{
    // The most the API allows; a listing costs one call for as many models.
    private const int PageSize = 1000;
    private const int MostPages = 1000;
    private const int LargestAnswer = 64 << 20;
    private const string Api = "api/2.0/mlflow/";
    private const string Artifacts = "api/2.0/mlflow-artifacts/artifacts";
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    // The server's proxy copies an artifact from its store to its own disk, whole, before it sends the first byte.
    private static readonly TimeSpan FirstByteTimeout = TimeSpan.FromMinutes(15);

    /// <summary>Host and port, for artifacts that name their server.</summary>
    public string Authority => server.Authority;

    /// <summary>What a request asks for, see <see cref="StoreTraffic.Count"/>.</summary>
    public static string OperationOf(HttpRequestMessage request)
    {
        string path = request.RequestUri!.AbsolutePath;
        return path.EndsWith("/registered-models/search", StringComparison.Ordinal) || path.EndsWith(Artifacts, StringComparison.Ordinal) ? "list"
            : path.Contains(Artifacts, StringComparison.Ordinal) ? "get"
            : "describe";
    }

    /// <summary>All registered models that pass the filter.</summary>
    public async Task<RegistrySearch> SearchAsync(string? filter, CancellationToken cancellationToken)
    {
        var models = new List<RegisteredModel>();
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string? page = null;
        int pages = 0;
        while (pages < MostPages)
        {
            string query = $"registered-models/search?max_results={PageSize}{Query("filter", filter)}{Query("page_token", page)}";
            byte[] answer = await GetAsync(Api + query, cancellationToken);
            hash.AppendData(SHA256.HashData(answer));
            pages++;
            SearchAnswer read = Read(answer, MLflowJson.Default.SearchAnswer);

            // An empty registry answers {}; so nothing may be taken for it that says something else.
            if (!read.IsSearch && read.Others is { Count: > 0 })
            {
                throw new IOException($"{server} does not answer as an MLflow tracking server: the search has neither registered_models nor next_page_token.");
            }

            models.AddRange(read.RegisteredModels);
            if (string.IsNullOrEmpty(read.NextPageToken) || read.NextPageToken == page)
            {
                break;
            }

            page = read.NextPageToken;
        }

        return new RegistrySearch(models, Convert.ToHexStringLower(hash.GetHashAndReset()), pages);
    }

    /// <summary>One version, or null where it is not there.</summary>
    public async Task<ModelVersion?> FindVersionAsync(string model, string version, CancellationToken cancellationToken)
    {
        byte[]? answer = await FindAsync($"{Api}model-versions/get?name={Uri.EscapeDataString(model)}{Query("version", version)}", cancellationToken);
        return answer is null ? null : Read(answer, MLflowJson.Default.ModelVersionAnswer).ModelVersion;
    }

    /// <summary>Where the files of a version are, or null where the server does not know.</summary>
    public async Task<string?> FindDownloadUriAsync(string model, string version, CancellationToken cancellationToken)
    {
        byte[]? answer = await FindAsync($"{Api}model-versions/get-download-uri?name={Uri.EscapeDataString(model)}{Query("version", version)}", cancellationToken);
        return answer is null ? null : Read(answer, MLflowJson.Default.DownloadUriAnswer).ArtifactUri;
    }

    /// <summary>Where the files of a run are, or null where there is no such run.</summary>
    public async Task<string?> FindRunUriAsync(string run, CancellationToken cancellationToken)
    {
        byte[]? answer = await FindAsync($"{Api}runs/get?run_id={Uri.EscapeDataString(run)}", cancellationToken);
        return answer is null ? null : Read(answer, MLflowJson.Default.RunAnswer).Run?.Info?.ArtifactUri;
    }

    /// <summary>Where the files of a logged model (<c>m-...</c>, MLflow 3) are, or null where there is none.</summary>
    public async Task<string?> FindLoggedModelUriAsync(string id, CancellationToken cancellationToken)
    {
        byte[]? answer = await FindAsync($"{Api}logged-models/{Uri.EscapeDataString(id)}", cancellationToken);
        return answer is null ? null : Read(answer, MLflowJson.Default.LoggedModelAnswer).Model?.Info?.ArtifactUri;
    }

    /// <summary>One folder behind the server's artifact proxy.</summary>
    public async Task<IReadOnlyList<ArtifactFile>> ListArtifactsAsync(string path, CancellationToken cancellationToken) =>
        Read(await GetAsync($"{Artifacts}?path={Uri.EscapeDataString(path)}", cancellationToken), MLflowJson.Default.ArtifactListAnswer).Files;

    /// <summary>A file behind the server's artifact proxy, which sends it whole.</summary>
    public async Task CopyArtifactAsync(string path, StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = Request($"{Artifacts}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");
        await RangeReader.CopyAsync(http, request, source, offset, count, destination, traffic, FirstByteTimeout, cancellationToken);
    }

    public void Dispose() => http.Dispose();

    private static string Query(string key, string? value) => value is null ? "" : $"&{key}={Uri.EscapeDataString(value)}";

    private HttpRequestMessage Request(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server, path));
        request.Headers.Authorization = credentials.CreateHeader();
        return request;
    }

    private async Task<byte[]> GetAsync(string path, CancellationToken cancellationToken) =>
        await FindAsync(path, cancellationToken)
        ?? throw new IOException($"{server} answers 404 to '{PathOf(path)}'; is that the address of an MLflow tracking server?");

    // Null where the server says that the thing is not there.
    private async Task<byte[]?> FindAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using HttpRequestMessage request = Request(path);
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(AnswerTimeout);
        try
        {
            using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            byte[] content = await ReadBoundedAsync(response, patience.Token);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => content,
                HttpStatusCode.NotFound => null,
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => throw new IOException(
                    $"{server} refuses '{PathOf(path)}' ({Status(response)}); check the token or the user name and password, and what they may read."),
                >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest => throw new IOException(
                    $"{server} answers '{PathOf(path)}' with a redirect, which is not followed: it may lead to a page to log in; give the address of the API itself."),
                _ => throw new IOException($"{server} answers {Status(response)} to '{PathOf(path)}'{MessageOf(content)}"),
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{server} did not answer '{PathOf(path)}' within {AnswerTimeout.TotalSeconds} seconds.");
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpIOException)
        {
            throw new IOException($"{server} cannot be asked for '{PathOf(path)}': {RangeReader.Describe(exception)}", exception);
        }
    }

    private async Task<byte[]> ReadBoundedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using Stream content = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var read = new MemoryStream();
        byte[] buffer = new byte[1 << 14];
        for (int length; (length = await content.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            read.Write(buffer, 0, length);
            if (read.Length > LargestAnswer)
            {
                throw new IOException($"{server} answers with more than {LargestAnswer} bytes.");
            }
        }

        return read.ToArray();
    }

    private TAnswer Read<TAnswer>(byte[] answer, JsonTypeInfo<TAnswer> type)
        where TAnswer : class
    {
        try
        {
            return JsonSerializer.Deserialize(answer, type) ?? throw new JsonException("it is null");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new IOException($"{server} does not answer as an MLflow tracking server: {exception.Message}", exception);
        }
    }

    private static string MessageOf(byte[] content)
    {
        try
        {
            ErrorAnswer? error = JsonSerializer.Deserialize(content, MLflowJson.Default.ErrorAnswer);
            string text = RegistryText.OneLine($"{error?.ErrorCode} {error?.Message}");
            return text.Length == 0 ? "." : $": {text}";
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return ".";
        }
    }

    private static string Status(HttpResponseMessage response) => $"{(int)response.StatusCode} {response.StatusCode}";

    private static string PathOf(string path) => path.Split('?')[0];
}
