using Microsoft.Extensions.Options;

namespace ModelGateway.Transport.Tls;

/// <summary>The rules between the settings of <c>Gateway:Tls</c>, and whether its files hold what they should; all faults at once.</summary>
internal sealed class TlsOptionsValidator(IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    private const string Section = TlsOptions.Section;

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        TlsOptions tls = options.Tls;
        var faults = new List<string>();
        bool hasCa = !string.IsNullOrWhiteSpace(tls.ClientCaFile);
        if (!tls.IsOn)
        {
            if (hasCa || tls.ClientCertificates != ClientCertificates.Off || !string.IsNullOrWhiteSpace(tls.KeyFile) || !string.IsNullOrWhiteSpace(tls.Addresses))
            {
                faults.Add($"{Section} has settings and no certificate: set {Section}:CertificateFile.");
            }
        }
        else
        {
            if (!string.IsNullOrWhiteSpace(tls.Password) && !string.IsNullOrWhiteSpace(tls.PasswordFile))
            {
                faults.Add($"{Section}:Password and {Section}:PasswordFile are both set: keep one.");
            }

            if (hasCa == (tls.ClientCertificates == ClientCertificates.Off))
            {
                faults.Add(hasCa
                    ? $"{Section}:ClientCaFile is set and {Section}:ClientCertificates is Off: set it to Optional or Required."
                    : $"{Section}:ClientCertificates is {tls.ClientCertificates} and nothing says whose certificates are believed: set {Section}:ClientCaFile.");
            }

            foreach (string address in TlsSetup.AddressesOf(tls).Where(address => !address.StartsWith("https://", StringComparison.OrdinalIgnoreCase)))
            {
                faults.Add($"{Section}:Addresses has '{address}', which does not begin with https://; addresses without TLS stand in ASPNETCORE_URLS.");
            }

            // Its faults only where the settings are right: they would be told twice.
            if (faults.Count == 0)
            {
                new TlsFiles(tls, environment.ContentRootPath).Read(DateTimeOffset.UtcNow, null, out _, faults);
            }
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
