using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ModelGateway.Storage.Http;

/// <summary>A setting <c>CertificateAuthorityFile</c>: the private authorities that are believed in place of the system's.</summary>
public static class TrustedAuthorities
{
    /// <summary>What is wrong with the file, or null.</summary>
    public static string? FindFault(string file)
    {
        try
        {
            _ = Read(file);
            return null;
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>Connections that believe no others.</summary>
    /// <exception cref="IOException">The file cannot be read, or holds no certificate.</exception>
    public static SslClientAuthenticationOptions CreateSslOptions(string file)
    {
        // Private authorities seldom say where their lists of revoked certificates are; to ask would refuse those that do not.
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(Read(file));
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }

    private static X509Certificate2Collection Read(string file)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new IOException($"'{file}' cannot be read: {exception.Message}", exception);
        }

        return authorities.Count > 0 ? authorities : throw new IOException($"'{file}' holds no certificate in PEM form.");
    }
}
