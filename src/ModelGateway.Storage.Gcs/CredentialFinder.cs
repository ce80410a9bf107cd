using System.Net;
using System.Text.Json;
using Google.Apis.Auth.OAuth2;
using Google.Apis.Auth.OAuth2.Responses;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.Gcs;

/// <summary>
/// Finds the credentials: the configured file, or Google's Application Default Credentials in their documented order. The order is
/// followed here because the library keeps what it found, a failure too, for the life of the process; the credentials themselves are the library's.
/// </summary>
/// <remarks>
/// <code>
/// 1  Gateway:Gcs:CredentialsFile
/// 2  the file that GOOGLE_APPLICATION_CREDENTIALS names
/// 3  what `gcloud auth application-default login` wrote, where it is there
/// 4  the metadata server: the identity of the machine, the pod (GKE) or the service (Cloud Run)
/// </code>
/// </remarks>
/// <param name="credentialsFile">The configured file; null for the default credentials.</param>
/// <param name="environment">Reads an environment variable.</param>
/// <param name="traffic">Counts the requests for tokens.</param>
internal sealed class CredentialFinder(string? credentialsFile, Func<string, string?> environment, StoreTraffic traffic)
{
    private const string Scope = "https://www.googleapis.com/auth/devstorage.read_only";
    private const string FileVariable = "GOOGLE_APPLICATION_CREDENTIALS";
    private const string MetadataVariable = "GCE_METADATA_HOST";

    private readonly TokenHttpClientFactory _tokenServers = new(traffic, isMetadataServer: false);
    private readonly TokenHttpClientFactory _metadataServer = new(traffic, isMetadataServer: true);

    /// <summary>Where the credentials came from, or would.</summary>
    public string Origin => File is { } file ? $"'{file.Path}' ({file.Origin})" : $"the metadata server {MetadataHost}";

    private string MetadataHost => environment(MetadataVariable) is { Length: > 0 } host ? host : "169.254.169.254";

    private (string Path, string Origin)? File =>
        credentialsFile is not null ? (credentialsFile, "Gateway:Gcs:CredentialsFile")
        : environment(FileVariable) is { Length: > 0 } named ? (named, FileVariable)
        : GcloudFile is { } known && System.IO.File.Exists(known) ? (known, "gcloud")
        : null;

    private string? GcloudFile
    {
        get
        {
            string? folder = environment("CLOUDSDK_CONFIG") is { Length: > 0 } configured ? configured
                : OperatingSystem.IsWindows() ? environment("APPDATA") is { Length: > 0 } data ? Path.Combine(data, "gcloud") : null
                : environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".config", "gcloud")
                : null;
            return folder is null ? null : Path.Combine(folder, "application_default_credentials.json");
        }
    }

    /// <summary>Credentials that ask for nothing but reading. No request is sent yet.</summary>
    public ITokenAccess Find()
    {
        if (File is { } file)
        {
            // Where an account acts as another (impersonated_service_account), the library asks for the first one's token by connections of its own.
            string json = System.IO.File.ReadAllText(file.Path);
            return CredentialFactory.FromJson(json, TypeOf(json)).CreateWithHttpClientFactory(_tokenServers).CreateScoped(Scope);
        }

        // No probing first: the request for the token tells as well whether there is such a server.
        return new ComputeCredential(new ComputeCredential.Initializer($"http://{MetadataHost}/computeMetadata/v1/instance/service-accounts/default/token")
        {
            HttpClientFactory = _metadataServer,
            Scopes = [Scope],
        });
    }

    /// <summary>What to do about a failure; empty where only waiting helps.</summary>
    public string RemedyFor(Exception exception) =>
        exception is TokenResponseException { StatusCode: HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError } ? ""
        : File is null ? $" Set Gateway:Gcs:CredentialsFile or {FileVariable} to a file with credentials, give the pod or machine a service account, or set Gateway:Gcs:Anonymous to true for a public bucket."
        : exception is HttpRequestException or OperationCanceledException ? ""
        : " Check that the file is readable and that its account and key still exist.";

    /// <summary>Why it failed, without anything of the file's content.</summary>
    public static string Describe(Exception exception) => exception switch
    {
        TokenResponseException { Error: { } error } refused => $"it answers {(int)(refused.StatusCode ?? HttpStatusCode.BadRequest)}, {Line(error.Error)} {Line(error.ErrorDescription)}".TrimEnd(),
        JsonException or InvalidOperationException { InnerException: Newtonsoft.Json.JsonException } => "it is not JSON with credentials",
        _ => RangeReader.Describe(exception),
    };

    private static string Line(string? text) => text is null ? "" : string.Concat(text.Take(200).Select(c => char.IsControl(c) ? ' ' : c));

    private static string TypeOf(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("type", out JsonElement type) && type.GetString() is { } name
            ? name
            : throw new JsonException("It has no type.");
    }
}
