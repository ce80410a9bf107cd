using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Storage.MLflow;

/// <summary>Section <c>MLflow</c>: how registries are reached, and which versions of their models are served.</summary>
internal sealed class MLflowOptions
{
    public const string Name = "MLflow";

    [Description("Bearer token for the tracking server. Without any of these credentials, MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, of the environment.")]
    public string? Token { get; set; }

    [Description("File with the bearer token, read anew at every request.")]
    public string? TokenFile { get; set; }

    [Description("User name for basic authentication.")]
    [RegularExpression("[^:]*", ErrorMessage = "A user name cannot hold a colon.")]
    public string? Username { get; set; }

    [Description("Password for basic authentication.")]
    public string? Password { get; set; }

    [Description("File with the password, read anew at every request.")]
    public string? PasswordFile { get; set; }

    [Description("Alias, or several separated by commas, whose versions are served. The URI's alias, stage or versions is stronger.")]
    public string? Alias { get; set; }

    [Description("Stage whose newest version is served, for example Production. The URI's alias, stage or versions is stronger.")]
    public string? Stage { get; set; }

    [Description("Names of the models to serve, separated by commas, with * for any text; NAME@ALIAS, NAME/STAGE or NAME/VERSION says which version. Without it, all. The URI's models is stronger.")]
    public string? Models { get; set; }

    [Description("URIs, separated by commas, below which artifacts may lie that do not come through the tracking server. Without it, anywhere in s3, gs and azblob. A folder (file:///mnt/mlruns) only where it is named here; web servers never.")]
    public string? ArtifactRoots { get; set; }

    [Description("PEM file with the certificate authorities to trust for the tracking server, in place of the system's.")]
    public string? CertificateAuthorityFile { get; set; }

    [Description("Send credentials over plain http to another machine.")]
    public bool AllowInsecure { get; set; }
}
