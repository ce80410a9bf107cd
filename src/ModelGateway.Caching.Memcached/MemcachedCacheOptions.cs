using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Caching.Memcached;

/// <summary>Section <c>Gateway:Cache:Memcached</c>.</summary>
public sealed class MemcachedCacheOptions
{
    internal const string Section = "Cache:Memcached";

    // The server counts its header of an item and the key with the value: under 400 bytes with the longest key.
    private const int DefaultMaxValueBytes = (1 << 20) - (1 << 10);

    [Description("Servers, `host:port` with commas between; the port is 11211 where there is none. Each key is on one of them: give all gateways the same list, in any order.")]
    public string? Servers { get; set; }

    [RegularExpression("[!-~]{1,64}", ErrorMessage = "must be 1 to 64 characters of ASCII without spaces.")]
    [Description("What every key begins with. Gateways that shall share predictions have the same.")]
    public string KeyPrefix { get; set; } = "modelgateway";

    [Range(1, 1 << 30, ErrorMessage = "must be from 1 to 1073741824.")]
    [Description("The largest value that is stored, in bytes; 1 KiB below the limit of the servers, which is 1 MiB unless they are started with `-I`.")]
    public int MaxValueBytes { get; set; } = DefaultMaxValueBytes;

    [Range(1, 64, ErrorMessage = "must be from 1 to 64.")]
    [Description("Connections to each server. Many requests share one; a second keeps small values from waiting behind large ones.")]
    public int Connections { get; set; } = 2;

    [RegularExpression(@"[^\s:]+", ErrorMessage = "must not hold white space or a colon.")]
    [Description("User name, for servers that are started with an authentication file (`-Y`).")]
    public string? Username { get; set; }

    [RegularExpression(@"\S+", ErrorMessage = "must not hold white space.")]
    [Description("Password of the user. Prefer PasswordFile.")]
    public string? Password { get; set; }

    [Description("File that holds the password; read anew for every connection, so that it can be renewed.")]
    public string? PasswordFile { get; set; }

    [Description("Talk to the servers over TLS (`-Z`).")]
    public bool Tls { get; set; }

    [Description("PEM file with the certificates of a private certificate authority; with it, no other is believed.")]
    public string? CertificateAuthorityFile { get; set; }
}
