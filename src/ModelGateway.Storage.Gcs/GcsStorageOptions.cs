using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Storage.Gcs;

/// <summary>The section <c>Gateway:Gcs</c>. Without any of it Google's Application Default Credentials are used.</summary>
internal sealed class GcsStorageOptions : IValidatableObject
{
    [Description("JSON file with the credentials: a service account's key, or the configuration of a workload identity federation (`external_account`). Default: Application Default Credentials, which are the file that `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's own file, or the identity of the machine or pod.")]
    public string? CredentialsFile { get; set; }

    [Description("Sends no credentials: for buckets that everybody may read.")]
    public bool Anonymous { get; set; }

    [RegularExpression("[a-z0-9][a-z0-9:.-]*", ErrorMessage = "A project's id has lower-case letters, digits and hyphens; write it as the console shows it.")]
    [Description("Project that pays for the requests; needed for buckets where the requester pays.")]
    public string? UserProject { get; set; }

    [Description("URL of another server that speaks the JSON API. Default: `https://storage.googleapis.com`, or what `STORAGE_EMULATOR_HOST` names, which is asked without credentials.")]
    public string? Endpoint { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (CredentialsFile is not null && !File.Exists(CredentialsFile))
        {
            yield return new ValidationResult($"There is no file '{CredentialsFile}', or it may not be read.", [nameof(CredentialsFile)]);
        }

        if (Anonymous && CredentialsFile is not null)
        {
            yield return new ValidationResult("With credentials the requests are not anonymous: remove one of the two.", [nameof(Anonymous), nameof(CredentialsFile)]);
        }

        if (Anonymous && UserProject is not null)
        {
            yield return new ValidationResult("Where the requester pays, Google must know who it is: set Anonymous to false.", [nameof(Anonymous), nameof(UserProject)]);
        }

        if (Endpoint is not null && EndpointFault() is { } fault)
        {
            yield return new ValidationResult(fault, [nameof(Endpoint)]);
        }
    }

    private string? EndpointFault() =>
        !Uri.TryCreate(Endpoint, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https") || uri.UserInfo.Length > 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0
            ? "It must be a URL such as https://storage.googleapis.com, without user name, query or fragment."
        : uri.Scheme == "http" && !uri.IsLoopback && !Anonymous
            ? "Over http the credentials could be read on the way: use https, or set Anonymous to true."
        : null;
}
