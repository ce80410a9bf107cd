using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Caching.Redis;

/// <summary>Section <c>Gateway:Cache:Redis</c>.</summary>
public sealed class RedisCacheOptions
{
    /// <summary>Its name.</summary>
    public const string Section = "Gateway:Cache:Redis";

    [Description("Where Redis is, as a connection string of StackExchange.Redis: `redis:6379`; the nodes of a cluster as `node1:6379,node2:6379`; sentinels as `sentinel1:26379,sentinel2:26379,serviceName=models`. Without it there is no Redis.")]
    public string? Configuration { get; set; }

    [RegularExpression(@"\S+", ErrorMessage = "must not hold white space.")]
    [Description("User of Redis's access control lists. Default: the default user.")]
    public string? User { get; set; }

    [Description("Password. Prefer PasswordFile.")]
    public string? Password { get; set; }

    [Description("File that holds the password, read at the start.")]
    public string? PasswordFile { get; set; }

    [Description("Whether connections are encrypted.")]
    public bool Tls { get; set; }

    [Description("File with the certificates (PEM) of the authorities that are believed in place of the system's, for Tls.")]
    public string? CaFile { get; set; }

    // Braces would name the hash tag of every key, and so put all of them on one node of a cluster.
    [RegularExpression("[A-Za-z0-9._:/-]{1,64}", ErrorMessage = "must be 1 to 64 letters, digits, or . _ : / - of ASCII.")]
    [Description("What the names of all keys and of the channel begin with. Gateways share what they keep where it is the same.")]
    public string KeyPrefix { get; set; } = "modelgateway";
}
