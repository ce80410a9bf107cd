namespace ModelGateway.Storage.AzureBlob;

/// <summary>A secret that is given as a value or as the name of a file that holds it. Its text appears in no message.</summary>
/// <param name="Key">The setting's key; with <c>File</c> behind it, the file's.</param>
/// <param name="Value">The secret.</param>
/// <param name="File">The file.</param>
internal sealed record SecretSetting(string Key, string? Value, string? File)
{
    /// <summary>One of the two is there.</summary>
    public bool IsSet => !string.IsNullOrWhiteSpace(Value) || !string.IsNullOrWhiteSpace(File);

    /// <summary>The secret as it is now.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public string Read()
    {
        if (!string.IsNullOrWhiteSpace(Value))
        {
            return Value.Trim();
        }

        try
        {
            return System.IO.File.ReadAllText(File!).Trim();
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new IOException($"{Key}File: '{File}' may not be read by this process.", exception);
        }
    }

    /// <summary>The secret as it is now, or null and why not.</summary>
    public string? TryRead(ICollection<string> faults)
    {
        if (!string.IsNullOrWhiteSpace(Value) && !string.IsNullOrWhiteSpace(File))
        {
            faults.Add($"{Key} and {Key}File are both set; leave one of them out.");
            return null;
        }

        try
        {
            string secret = Read();
            if (secret.Length > 0)
            {
                return secret;
            }

            faults.Add($"{Key}File: '{File}' is empty.");
        }
        catch (IOException exception)
        {
            faults.Add($"{Key}File: '{File}' cannot be read: {exception.Message}");
        }

        return null;
    }

    /// <summary>Without the secret.</summary>
    public override string ToString() => Key;
}
