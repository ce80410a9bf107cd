namespace ModelGateway.Storage.Gcs;

/// <summary>Where the JSON API is spoken, and whether credentials are sent there.</summary>
internal sealed record GcsEndpoint(Uri Address, bool IsAnonymous)
{
    /// <summary>Google's own clients read it too, in the same way.</summary>
    public const string EmulatorVariable = "STORAGE_EMULATOR_HOST";

    private const string Google = "https://storage.googleapis.com";

    /// <summary>From settings without faults and the environment.</summary>
    /// <param name="options">They go before the environment.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <returns>Null where the variable names no host.</returns>
    public static GcsEndpoint? Find(GcsStorageOptions options, Func<string, string?> environment)
    {
        if (options.Endpoint is { } endpoint)
        {
            return new GcsEndpoint(Root(new Uri(endpoint)), options.Anonymous);
        }

        if (environment(EmulatorVariable) is not { Length: > 0 } emulator)
        {
            return new GcsEndpoint(Root(new Uri(Google)), options.Anonymous);
        }

        // Some write host:port, others a URL.
        string url = emulator.Contains("://", StringComparison.Ordinal) ? emulator : $"http://{emulator}";
        return Uri.TryCreate(url, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? new GcsEndpoint(Root(address), IsAnonymous: true) : null;
    }

    // Paths are appended to it, so it ends in a slash.
    private static Uri Root(Uri address) => new(address.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/");
}
