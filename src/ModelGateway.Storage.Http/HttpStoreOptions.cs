using System.ComponentModel;

namespace ModelGateway.Storage.Http;

/// <summary>The section <c>Http</c>: what a web server asks of those who read from it.</summary>
internal sealed class HttpStoreOptions
{
    public const string Section = "Http";

    [Description("Bearer token that the web server asks for.")]
    public string? BearerToken { get; set; }

    [Description("File that holds the bearer token; read anew for every request, so that it can be renewed.")]
    public string? BearerTokenFile { get; set; }

    [Description("User name for basic authentication.")]
    public string? Username { get; set; }

    [Description("Password for basic authentication.")]
    public string? Password { get; set; }

    [Description("File that holds the password; read anew for every request, so that it can be renewed.")]
    public string? PasswordFile { get; set; }

    [Description("PEM file with the certificates of a private certificate authority; with it, no other is believed.")]
    public string? CertificateAuthorityFile { get; set; }

    [Description("Send the credentials over plain http as well, where everybody on the way can read them.")]
    public bool AllowInsecure { get; set; }
}
