using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;
using ModelGateway.Serving.Models;

namespace ModelGateway.Auth;

/// <summary>Makes signing keys of the section <c>Gateway:Auth:Keys</c>. Faults name the setting and what to do, never the key.</summary>
internal static class ConfiguredKeys
{
    private const int SmallestSecret = 32;
    private const int SmallestRsaKey = 2048;
    private const string RsaOid = "1.2.840.113549.1.1.1";

    /// <summary>All configured keys that are without fault.</summary>
    public static List<SigningKey> Read(AuthOptions options, string contentRoot, List<string> faults)
    {
        var keys = new List<SigningKey>();
        for (int i = 0; i < options.Keys.Count; i++)
        {
            string path = $"{AuthOptions.Section}:Keys:{i}";
            if (Read(options.Keys[i], path, contentRoot, faults) is { } key && Narrow(key, options.Keys[i].Algorithm, options.Algorithms, path, faults) is { } narrowed)
            {
                keys.Add(narrowed);
            }
        }

        foreach (IGrouping<string, SigningKey> twice in keys.Where(key => key.Id is not null).GroupBy(key => key.Id!).Where(group => group.Count() > 1))
        {
            faults.Add($"{AuthOptions.Section}:Keys holds the Id '{twice.Key}' more than once: give each key its own.");
        }

        return keys;
    }

    private static SigningKey? Read(AuthKeyOptions options, string path, string contentRoot, List<string> faults)
    {
        (string Setting, string? Value)[] sources =
            [("Pem", options.Pem), ("PemFile", options.PemFile), ("Secret", options.Secret), ("SecretFile", options.SecretFile)];
        List<string> given = [.. sources.Where(source => !string.IsNullOrWhiteSpace(source.Value)).Select(source => source.Setting)];
        if (given.Count != 1)
        {
            string found = given.Count == 0 ? "none of them is set" : $"set are {string.Join(" and ", given)}";
            faults.Add($"{path} needs exactly one of Pem, PemFile, Secret and SecretFile; {found}.");
            return null;
        }

        string source = $"{path}:{given[0]}";
        string? text = given[0].EndsWith("File", StringComparison.Ordinal)
            ? ReadFile(source, Path.Combine(contentRoot, (options.PemFile ?? options.SecretFile)!), faults)
            : options.Pem ?? options.Secret;
        return text is null ? null
            : given[0].StartsWith("Pem", StringComparison.Ordinal) ? FromPem(options.Id, text, source, faults)
            : FromSecret(options.Id, text, source, faults);
    }

    private static string? ReadFile(string source, string file, List<string> faults)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Add($"{source} names a file that cannot be read: {exception.Message}");
            return null;
        }
    }

    private static SigningKey? FromSecret(string? id, string text, string source, List<string> faults)
    {
        byte[] secret = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, secret, out int length))
        {
            faults.Add($"{source} is not base64: make one with 'openssl rand -base64 {SmallestSecret}'.");
            return null;
        }

        if (length < SmallestSecret)
        {
            faults.Add($"{source} holds {length} bytes, and {SmallestSecret} are the least: make one with 'openssl rand -base64 {SmallestSecret}'.");
            return null;
        }

        return new SigningKey(NullIfEmpty(id), new SymmetricSecurityKey(secret.AsSpan(0, length).ToArray()), SignatureAlgorithms.ForSecret(length));
    }

    private static SigningKey? FromPem(string? id, string text, string source, List<string> faults)
    {
        // Environment files often hold a PEM on one line, with \n for its line ends.
        string pem = text.Replace("\\n", "\n", StringComparison.Ordinal);
        if (pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            faults.Add($"{source} holds a private key: the server needs the public one only ('openssl pkey -in private.pem -pubout').");
            return null;
        }

        try
        {
            return FromPublicKey(NullIfEmpty(id), ReadPublicKey(pem), source, faults);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException or FormatException)
        {
            faults.Add($"{source} is not a public key or certificate in PEM.");
            return null;
        }
    }

    // Of a certificate only the key is taken: its dates and its chain say nothing about who signs tokens here.
    private static PublicKey ReadPublicKey(string pem)
    {
        PemFields fields = PemEncoding.Find(pem);
        byte[] der = Convert.FromBase64String(pem[fields.Base64Data]);
        switch (pem[fields.Label])
        {
            case "CERTIFICATE":
                using (X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(der))
                {
                    return certificate.PublicKey;
                }

            case "RSA PUBLIC KEY":
                using (var rsa = RSA.Create())
                {
                    rsa.ImportRSAPublicKey(der, out _);
                    return new PublicKey(rsa);
                }

            default:
                return PublicKey.CreateFromSubjectPublicKeyInfo(der, out _);
        }
    }

    private static SigningKey? FromPublicKey(string? id, PublicKey key, string source, List<string> faults)
    {
        if (key.Oid.Value == RsaOid && key.GetRSAPublicKey() is { } rsa)
        {
            if (rsa.KeySize < SmallestRsaKey)
            {
                faults.Add($"{source} is an RSA key of {rsa.KeySize} bits, and {SmallestRsaKey} are the least.");
                return null;
            }

            return new SigningKey(id, new RsaSecurityKey(rsa), SignatureAlgorithms.ForRsa());
        }

        ECDsa? curve = key.GetECDsaPublicKey();
        IReadOnlyList<string> algorithms = SignatureAlgorithms.ForCurve(curve?.ExportParameters(includePrivateParameters: false).Curve.Oid.Value);
        if (algorithms.Count == 0)
        {
            faults.Add($"{source} is neither an RSA key nor one on the curves P-256, P-384 and P-521.");
            return null;
        }

        return new SigningKey(id, new ECDsaSecurityKey(curve), algorithms);
    }

    // Down to the key's own Algorithm and the common list.
    private static SigningKey? Narrow(SigningKey key, string? only, string[] common, string path, List<string> faults)
    {
        only = NullIfEmpty(only);
        if (only is not null && !key.Algorithms.Contains(only))
        {
            faults.Add($"{path}:Algorithm is '{only}', and the key is for {string.Join(", ", key.Algorithms)}.{NameSuggestion.For(only, key.Algorithms)}");
            return null;
        }

        SigningKey narrowed = key.Restrict(only is null ? [] : [only]).Restrict(common);
        if (narrowed.Algorithms.Count == 0)
        {
            faults.Add($"{path} is for {string.Join(", ", key.Algorithms)}, and {AuthOptions.Section}:Algorithms has none of them.");
            return null;
        }

        return narrowed;
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
