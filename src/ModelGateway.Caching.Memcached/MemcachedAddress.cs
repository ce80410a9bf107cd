using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace ModelGateway.Caching.Memcached;

/// <summary>Where a server listens.</summary>
internal sealed record MemcachedAddress(string Host, int Port)
{
    private const int DefaultPort = 11211;

    /// <summary>Reads <c>host</c>, <c>host:port</c>, <c>[::1]</c> or <c>[::1]:port</c>.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out MemcachedAddress? address)
    {
        address = null;
        bool isBracketed = text.StartsWith('[');
        int end = isBracketed ? text.IndexOf(']', StringComparison.Ordinal) + 1 : text.IndexOf(':', StringComparison.Ordinal);
        string host = end < 0 ? text : text[..end];
        string rest = end < 0 ? "" : text[end..];
        int port = DefaultPort;
        bool isPortRight = rest.Length == 0
            || rest[0] == ':' && int.TryParse(rest.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= ushort.MaxValue;
        UriHostNameType type = Uri.CheckHostName(host);
        if (!isPortRight || type == UriHostNameType.Unknown || isBracketed != (type == UriHostNameType.IPv6))
        {
            return false;
        }

        address = new MemcachedAddress(host.ToLowerInvariant(), port);
        return true;
    }

    public override string ToString() => $"{Host}:{Port}";
}
