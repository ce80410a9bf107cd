using System.Net;
using System.Net.Sockets;

namespace ModelGateway.Auth;

/// <summary>Who sent a request, as far as that was proved.</summary>
internal static class CallerIdentity
{
    private const int Prefix = 8;

    /// <summary>The subject of the accepted token, or else of the client certificate; null where there is neither.</summary>
    public static string? SubjectOf(HttpContext http) => TokenGrant.Of(http)?.Subject ?? http.Connection.ClientCertificate?.Subject;

    /// <summary>The subject, or else the address.</summary>
    public static string KeyOf(HttpContext http) => SubjectOf(http) ?? $"address {NetworkOf(http.Connection.RemoteIpAddress)}";

    /// <summary>The address as people write it; empty where there is none.</summary>
    public static string AddressOf(HttpContext http) => http.Connection.RemoteIpAddress is { } address ? Plain(address).ToString() : "";

    // Of an IPv6 address the half that the network is known by: whoever has one has all of the other half.
    private static IPAddress? NetworkOf(IPAddress? address)
    {
        if (address is null || Plain(address) is not { AddressFamily: AddressFamily.InterNetworkV6 } six)
        {
            return address is null ? null : Plain(address);
        }

        byte[] bytes = six.GetAddressBytes();
        bytes.AsSpan(Prefix).Clear();
        return new IPAddress(bytes);
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
