using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Storage.S3;

/// <summary>Section <c>Gateway:S3</c>. Without keys, the AWS SDK looks for credentials where all of AWS's tools do.</summary>
public sealed class S3StorageOptions
{
    [RegularExpression("[a-z0-9-]{1,63}", ErrorMessage = "is not the name of a region, such as eu-central-1.")]
    [Description("Region of the bucket, for example `eu-central-1`. Default: what `AWS_REGION`, the profile or the instance says; with Endpoint `us-east-1`.")]
    public string? Region { get; set; }

    [Description("URL of a server that speaks S3, such as MinIO, in place of AWS: `https://minio.example.com:9000`.")]
    public string? Endpoint { get; set; }

    [Description("Whether the bucket is in the path of URLs and not in their host name. Default: yes with Endpoint, no with AWS.")]
    public bool? ForcePathStyle { get; set; }

    [Description("Profile of AWS's configuration files (`~/.aws`), also one that signs in by SSO or assumes a role.")]
    public string? Profile { get; set; }

    [RegularExpression(@"\S+", ErrorMessage = "must not hold white space.")]
    [Description("Access key, for stores that know no roles. On AWS prefer a role: keys do not expire.")]
    public string? AccessKeyId { get; set; }

    [RegularExpression(@"\S+", ErrorMessage = "must not hold white space.")]
    [Description("Secret of the access key. Prefer SecretAccessKeyFile.")]
    public string? SecretAccessKey { get; set; }

    [Description("File that holds the secret of the access key.")]
    public string? SecretAccessKeyFile { get; set; }

    [RegularExpression(@"\S+", ErrorMessage = "must not hold white space.")]
    [Description("Session token of a temporary access key.")]
    public string? SessionToken { get; set; }

    [Description("Ask without credentials, for public buckets.")]
    public bool Anonymous { get; set; }

    [Description("Pay for requests and traffic of a bucket that is set to requester pays.")]
    public bool RequesterPays { get; set; }

    [Description("Use AWS's endpoints that answer over IPv6 too.")]
    public bool UseDualstack { get; set; }

    [Description("Use AWS's endpoints with FIPS 140 validated cryptography.")]
    public bool UseFips { get; set; }
}
