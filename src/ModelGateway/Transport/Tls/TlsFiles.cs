using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace ModelGateway.Transport.Tls;

/// <summary>Reads the files of <c>Gateway:Tls</c>. Faults name the setting and what to do, never a key or a password.</summary>
/// <remarks>
/// The files are read by their names each time: mounted secrets are symbolic links that are turned to a new folder, which no watcher of
/// files tells reliably. What is read is at most a few kilobytes. The link may turn between two of the files, and then an old certificate
/// meets a new key: what is not known already counts only if a second reading finds the same.
/// </remarks>
internal sealed class TlsFiles(TlsOptions options, string contentRoot)
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const int LargestFile = 1 << 20;

    // Two do unless a link turns between them; one that turns each time is given up until the next look.
    private const int MostReadings = 4;

    /// <summary>All that the files hold, or what is wrong with them.</summary>
    /// <param name="now">For the dates of the certificate.</param>
    /// <param name="known">Fingerprint of what is in force: the same files are not read again.</param>
    /// <param name="material">What was read; null where it is what is known, or faulty.</param>
    /// <param name="faults">Every fault that was found.</param>
    /// <returns>
    /// The fingerprint of the files as they are; null where one cannot be read, or where they change while they are read. The latter is a
    /// fault only where nothing is in force.
    /// </returns>
    public string? Read(DateTimeOffset now, string? known, out TlsMaterial? material, List<string> faults)
    {
        material = null;
        Reading reading = ReadAll();
        if (reading.Fingerprint is { } same && same == known)
        {
            return same;
        }

        if (!TryConfirm(ref reading))
        {
            if (known is null)
            {
                faults.Add($"{TlsOptions.Section}:{nameof(options.CertificateFile)} and the files beside it change again and again while they are read.");
            }

            return null;
        }

        faults.AddRange(reading.Faults);
        if (reading.Fingerprint is not null && reading.Fingerprint != known)
        {
            material = Parse(reading, now, faults);
        }

        return reading.Fingerprint;
    }

    private Reading ReadAll()
    {
        var faults = new List<string>();
        byte[]? certificate = ReadFile(nameof(options.CertificateFile), options.CertificateFile!, faults);
        byte[]? key = string.IsNullOrWhiteSpace(options.KeyFile) ? [] : ReadFile(nameof(options.KeyFile), options.KeyFile, faults);
        byte[]? password = string.IsNullOrWhiteSpace(options.PasswordFile) ? [] : ReadFile(nameof(options.PasswordFile), options.PasswordFile, faults);
        byte[]? authorities = string.IsNullOrWhiteSpace(options.ClientCaFile) ? [] : ReadFile(nameof(options.ClientCaFile), options.ClientCaFile, faults);
        string? fingerprint = certificate is null || key is null || password is null || authorities is null ? null : Fingerprint(certificate, key, password, authorities);
        return new Reading(certificate ?? [], key ?? [], password ?? [], authorities ?? [], fingerprint, faults);
    }

    // Reads until two readings in a row find the same, faults too.
    private bool TryConfirm(ref Reading reading)
    {
        for (int readings = 1; readings < MostReadings; readings++)
        {
            Reading before = reading;
            reading = ReadAll();
            if (reading.Fingerprint == before.Fingerprint && reading.Faults.SequenceEqual(before.Faults))
            {
                return true;
            }
        }

        return false;
    }

    private TlsMaterial? Parse(Reading reading, DateTimeOffset now, List<string> faults)
    {
        string? secret = reading.Password.Length > 0 ? Encoding.UTF8.GetString(reading.Password).TrimEnd('\r', '\n') : string.IsNullOrEmpty(options.Password) ? null : options.Password;
        X509Certificate2Collection? trusted = options.ClientCertificates == ClientCertificates.Off ? null : ReadAuthorities(reading.Authorities, faults);
        try
        {
            if (ReadCertificate(reading.Certificate, reading.Key, secret, out X509Certificate2Collection others, faults) is { } own && IsUsable(own, now, faults) && faults.Count == 0)
            {
                return new TlsMaterial(SslStreamCertificateContext.Create(own, others, offline: true), own.NotAfter.ToUniversalTime(), trusted, reading.Fingerprint!);
            }
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException or FormatException or NotSupportedException or InvalidOperationException)
        {
            // Of the many ways in which parts of a certificate can be damaged only some are told apart.
            faults.Add($"{TlsOptions.Section}:{nameof(options.CertificateFile)} holds a certificate that cannot be used.");
        }

        return null;
    }

    private static bool TryParse(Func<X509Certificate2> parse, [NotNullWhen(true)] out X509Certificate2? certificate)
    {
        try
        {
            certificate = parse();
            return true;
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException or FormatException)
        {
            certificate = null;
            return false;
        }
    }

    private static string Fingerprint(params byte[][] files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (byte[] file in files)
        {
            hash.AppendData(SHA256.HashData(file));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static bool IsUsable(X509Certificate2 certificate, DateTimeOffset now, List<string> faults)
    {
        string source = $"{TlsOptions.Section}:{nameof(TlsOptions.CertificateFile)}";
        if (now > certificate.NotAfter)
        {
            faults.Add($"{source} holds a certificate that ended on {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd'T'HH:mm:ss'Z'}.");
        }
        else if (now < certificate.NotBefore)
        {
            faults.Add($"{source} holds a certificate that begins on {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd'T'HH:mm:ss'Z'}.");
        }

        if (certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } usage
            && usage.EnhancedKeyUsages.Cast<Oid>().All(oid => oid.Value != ServerAuthentication))
        {
            faults.Add($"{source} holds a certificate that is not for servers: its extended key usage has no serverAuth.");
        }

        return faults.Count == 0;
    }

    private static X509Certificate2Collection? ReadAuthorities(byte[] pem, List<string> faults)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(Encoding.UTF8.GetString(pem));
        }
        catch (CryptographicException)
        {
            authorities.Clear();
        }

        if (authorities.Count == 0)
        {
            faults.Add($"{TlsOptions.Section}:{nameof(TlsOptions.ClientCaFile)} holds no certificate in PEM.");
            return null;
        }

        return authorities;
    }

    private X509Certificate2? ReadCertificate(byte[] certificate, byte[] key, string? password, out X509Certificate2Collection others, List<string> faults)
    {
        others = [];
        string text = Encoding.UTF8.GetString(certificate);
        return text.Contains("-----BEGIN ", StringComparison.Ordinal)
            ? ReadPem(text, key.Length > 0 ? Encoding.UTF8.GetString(key) : text, password, others, faults)
            : ReadPfx(certificate, password, others, faults);
    }

    private X509Certificate2? ReadPem(string certificates, string key, string? password, X509Certificate2Collection others, List<string> faults)
    {
        string keySetting = $"{TlsOptions.Section}:{(string.IsNullOrWhiteSpace(options.KeyFile) ? nameof(options.CertificateFile) : nameof(options.KeyFile))}";
        if (!TryParse(() => X509Certificate2.CreateFromPem(certificates), out X509Certificate2? bare))
        {
            faults.Add($"{TlsOptions.Section}:{nameof(options.CertificateFile)} holds no certificate that can be read.");
            return null;
        }

        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            faults.Add($"{keySetting} holds no private key in PEM: set {TlsOptions.Section}:{nameof(options.KeyFile)} to the file that does.");
            return null;
        }

        bool isEncrypted = key.Contains("BEGIN ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal);
        if (isEncrypted && password is null)
        {
            faults.Add($"{keySetting} holds an encrypted key: set {TlsOptions.Section}:{nameof(options.PasswordFile)}.");
            return null;
        }

        if (!TryParse(() => isEncrypted ? X509Certificate2.CreateFromEncryptedPem(certificates, key, password) : X509Certificate2.CreateFromPem(certificates, key), out X509Certificate2? own))
        {
            faults.Add($"{keySetting} holds a key that does not fit the certificate{(isEncrypted ? ", or the password does not open it" : "")}.");
            return null;
        }

        others.ImportFromPem(certificates);
        others.RemoveAt(0);
        return own;
    }

    private X509Certificate2? ReadPfx(byte[] file, string? password, X509Certificate2Collection others, List<string> faults)
    {
        string source = $"{TlsOptions.Section}:{nameof(options.CertificateFile)}";
        try
        {
            others.AddRange(X509CertificateLoader.LoadPkcs12Collection(file, password));
        }
        catch (CryptographicException)
        {
            faults.Add($"{source} is neither PEM nor a PFX file that {(password is null ? "opens without a password" : "the password opens")}.");
            return null;
        }

        X509Certificate2? own = others.FirstOrDefault(certificate => certificate.HasPrivateKey);
        if (own is null)
        {
            faults.Add($"{source} is a PFX file without a private key.");
            return null;
        }

        others.Remove(own);
        return own;
    }

    private byte[]? ReadFile(string setting, string file, List<string> faults)
    {
        try
        {
            using FileStream stream = File.OpenRead(Path.Combine(contentRoot, file));
            if (stream.Length <= LargestFile)
            {
                byte[] bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                return bytes;
            }

            faults.Add($"{TlsOptions.Section}:{setting} names a file of {stream.Length} bytes, and {LargestFile} are the most.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            faults.Add($"{TlsOptions.Section}:{setting} names a file that cannot be read: {exception.Message}");
        }

        return null;
    }

    /// <summary>The files as they were found once, one after the other.</summary>
    /// <param name="Certificate">Empty where it cannot be read, as the others.</param>
    /// <param name="Key">Empty where it stands with the certificate.</param>
    /// <param name="Password">Empty where there is none.</param>
    /// <param name="Authorities">Empty where there are none.</param>
    /// <param name="Fingerprint">Of all of them; null where one cannot be read.</param>
    /// <param name="Faults">Why it cannot.</param>
    private sealed record Reading(byte[] Certificate, byte[] Key, byte[] Password, byte[] Authorities, string? Fingerprint, List<string> Faults);
}
