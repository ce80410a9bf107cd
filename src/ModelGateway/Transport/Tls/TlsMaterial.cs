using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace ModelGateway.Transport.Tls;

/// <summary>What a handshake needs, read together and replaced as a whole. Old ones are left to the garbage collector: handshakes may still hold them.</summary>
/// <param name="Context">The server's certificate with its key and the intermediate ones.</param>
/// <param name="ExpiresAt">When the certificate ends; UTC.</param>
/// <param name="ClientAuthorities">Authorities of callers' certificates; null where none are asked for.</param>
/// <param name="Fingerprint">Of the files that it was read from.</param>
internal sealed record TlsMaterial(SslStreamCertificateContext Context, DateTimeOffset ExpiresAt, X509Certificate2Collection? ClientAuthorities, string Fingerprint)
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>How a caller's certificate is checked: by these authorities alone, and without asking the network for anything that it names.</summary>
    public X509ChainPolicy? ClientPolicy()
    {
        if (ClientAuthorities is null)
        {
            return null;
        }

        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(ClientAuthorities);
        policy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid(ClientAuthentication));
        return policy;
    }
}
