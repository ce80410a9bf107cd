using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Trust;

/// <summary>Makes keys of the sections <c>Gateway:Signatures</c> and <c>Gateway:Encryption</c>. Faults name the setting and what to do, never the key.</summary>
internal static class ConfiguredTrust
{
    /// <summary>What is believed, with all keys that are without fault.</summary>
    public static SignaturePolicy ReadSignatures(SignatureOptions options, string contentRoot, List<string> faults)
    {
        if (options.Mode != SignatureMode.Off && options.Keys.Count == 0)
        {
            faults.Add($"{SignatureOptions.Section}:Mode is {options.Mode} and there are no keys: set {SignatureOptions.Section}:Keys:0:PemFile to the public key of who signs.");
        }

        var keys = new List<ManifestKey>();
        for (int i = 0; i < options.Keys.Count; i++)
        {
            SignatureKeyOptions key = options.Keys[i];
            string path = $"{SignatureOptions.Section}:Keys:{i}";
            string id = string.IsNullOrWhiteSpace(key.Id) ? $"{i}" : key.Id;
            if (ReadText(path, ("Pem", key.Pem), ("PemFile", key.PemFile), contentRoot, faults) is { } text && ReadPem(id, text, faults) is { } read)
            {
                keys.Add(read);
            }
        }

        AddTwice(SignatureOptions.Section, keys.Select(key => key.Id), faults);
        return new SignaturePolicy(options.Mode, keys);
    }

    /// <summary>All keys that are without fault.</summary>
    public static EncryptionKeys ReadEncryption(EncryptionOptions options, string contentRoot, List<string> faults) =>
        ReadEncryption(EncryptionOptions.Section, options.Keys, contentRoot, faults);

    /// <summary>All keys of a section <c>Keys</c> that are without fault.</summary>
    public static EncryptionKeys ReadEncryption(string section, IList<EncryptionKeyOptions> options, string contentRoot, List<string> faults)
    {
        var keys = new List<EncryptionKey>();
        for (int i = 0; i < options.Count; i++)
        {
            EncryptionKeyOptions key = options[i];
            string path = $"{section}:Keys:{i}";
            bool hasId = EncryptionKey.IsValidId(key.Id);
            if (!hasId)
            {
                faults.Add($"{path}:Id is not a name: what is encrypted says which key it needs, in 1 to {EncryptionKey.LongestId} bytes without control characters.");
            }

            if (ReadText(path, ("Key", key.Key), ("KeyFile", key.KeyFile), contentRoot, faults) is not { } text)
            {
                continue;
            }

            if (!EncryptionKey.TryParse(key.Id ?? "", text.Value, out EncryptionKey? read, out string? fault))
            {
                faults.Add($"{text.Source} {fault}");
            }
            else if (hasId)
            {
                keys.Add(read);
            }
        }

        AddTwice(section, keys.Select(key => key.Id), faults);
        return new EncryptionKeys(keys.DistinctBy(key => key.Id));
    }

    private static ManifestKey? ReadPem(string id, (string Source, string Value) text, List<string> faults)
    {
        try
        {
            // Environment files often hold a PEM on one line, with \n for its line ends.
            return ManifestKey.Parse(id, text.Value.Replace("\\n", "\n", StringComparison.Ordinal));
        }
        catch (FormatException exception)
        {
            faults.Add($"{text.Source} {exception.Message}");
            return null;
        }
    }

    /// <summary>A text that stands in one of two settings; null, and a fault, where it does not.</summary>
    public static (string Source, string Value)? ReadText(
        string path, (string Name, string? Value) direct, (string Name, string? Value) file, string contentRoot, List<string> faults)
    {
        bool hasFile = !string.IsNullOrWhiteSpace(file.Value);
        if (string.IsNullOrWhiteSpace(direct.Value) != hasFile)
        {
            faults.Add($"{path} needs exactly one of {direct.Name} and {file.Name}; {(hasFile ? "both are" : "neither is")} set.");
            return null;
        }

        if (!hasFile)
        {
            return ($"{path}:{direct.Name}", direct.Value!);
        }

        try
        {
            return ($"{path}:{file.Name}", File.ReadAllText(Path.Combine(contentRoot, file.Value!)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Add($"{path}:{file.Name} names a file that cannot be read: {exception.Message}");
            return null;
        }
    }

    private static void AddTwice(string section, IEnumerable<string> ids, List<string> faults)
    {
        foreach (IGrouping<string, string> twice in ids.GroupBy(id => id, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            faults.Add($"{section}:Keys holds the Id '{twice.Key}' more than once: give each key its own.");
        }
    }
}
