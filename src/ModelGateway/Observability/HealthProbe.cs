using System.Net.Security;
using ModelGateway.Platforms;

namespace ModelGateway.Observability;

/// <summary>
/// The command <c>healthcheck</c>: asks the gateway on this machine whether it lives, for orchestrators that run a command in the container,
/// where there is neither a shell nor curl. Ends with 0 if <c>/health/live</c> answers with success, else with 1 and a line that says why.
/// </summary>
internal static class HealthProbe
{
    public const string Command = "healthcheck";
    private const string Path = "/health/live";
    private const int DefaultPort = 8080;

    // Shorter than the time that an orchestrator gives the command, so that the reason is written.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Runs the command.</summary>
    /// <param name="arguments">What stands behind <c>healthcheck</c>: nothing, or the URL to ask.</param>
    /// <param name="environment">The environment of the gateway, which the container's commands share.</param>
    /// <param name="errors">Takes the reason of a failure.</param>
    public static async Task<int> RunAsync(string[] arguments, IConfiguration environment, TextWriter errors)
    {
        Uri? address = arguments switch
        {
            [] => AddressOf(environment),
            [string url] when Uri.TryCreate(url, UriKind.Absolute, out Uri? given) && IsHttp(given) => given,
            _ => null,
        };
        if (address is null)
        {
            await errors.WriteLineAsync(arguments.Length > 0
                ? $"usage: {Command} [URL], where URL begins with http:// or https://"
                : $"The gateway listens on no address that can be asked over TCP; say which URL to ask: {Command} URL");
            return 1;
        }

        return await AskAsync(address, errors);
    }

    /// <summary>
    /// Where the gateway that was started with this environment can be reached from the same machine; null if only by other means than TCP.
    /// The same keys in the same order as the web server's: endpoints, URLs, the port of the cloud platform, ports, and 8080 where there is nothing.
    /// </summary>
    public static Uri? AddressOf(IConfiguration environment)
    {
        List<string?> urls = [.. environment.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"])];
        if (urls.Count == 0)
        {
            urls.AddRange(List(environment["urls"] ?? PlatformUrls(environment)));
        }

        if (urls.Count == 0)
        {
            urls.AddRange(List(environment["http_ports"]).Select(port => $"http://*:{port}"));
            urls.AddRange(List(environment["https_ports"]).Select(port => $"https://*:{port}"));
        }

        return urls.Count == 0 ? new Uri($"http://127.0.0.1:{DefaultPort}{Path}") : urls.Select(Reachable).FirstOrDefault(url => url is not null);
    }

    /// <summary>The variables that the web server reads, those with its prefix before those without.</summary>
    public static IConfiguration ReadEnvironment() =>
        new ConfigurationBuilder().AddEnvironmentVariables().AddEnvironmentVariables("DOTNET_").AddEnvironmentVariables("ASPNETCORE_").Build();

    private static async Task<int> AskAsync(Uri address, TextWriter errors)
    {
        // The certificate is the gateway's own, for the name by which others know it. Nothing secret is sent and nothing of the answer is used.
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, faults) => !faults.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable);
        using var client = new HttpClient(handler) { Timeout = Patience };
        try
        {
            using HttpResponseMessage response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead);
            if (response.IsSuccessStatusCode)
            {
                return 0;
            }

            await errors.WriteLineAsync($"{address} answers {(int)response.StatusCode}.");
        }
        catch (HttpRequestException exception)
        {
            await errors.WriteLineAsync($"{address} cannot be reached: {exception.Message}");
        }
        catch (TaskCanceledException)
        {
            await errors.WriteLineAsync($"{address} does not answer within {Patience.TotalSeconds:0} seconds.");
        }

        return 1;
    }

    private static string[] List(string? urls) => urls?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    // SageMaker is known by an argument of the gateway's, which its container's other commands do not get; its variable stands for it.
    private static string? PlatformUrls(IConfiguration environment)
    {
        PlatformSettings settings = PlatformReader.Read([], environment);
        if (settings is { Platform: Platform.None, Faults.Count: 0 } && !string.IsNullOrWhiteSpace(environment["SAGEMAKER_BIND_TO_PORT"]))
        {
            settings = PlatformReader.Read(["serve"], environment);
        }

        return settings.Defaults.GetValueOrDefault("urls");
    }

    // "+", "*" and the unspecified addresses mean all of the machine's own.
    private static Uri? Reachable(string? url)
    {
        BindingAddress address;
        try
        {
            address = BindingAddress.Parse(url ?? "");
        }
        catch (FormatException)
        {
            return null;
        }

        if (address.IsUnixPipe || address.IsNamedPipe)
        {
            return null;
        }

        string host = address.Host switch
        {
            "+" or "*" or "0.0.0.0" => "127.0.0.1",
            "[::]" => "[::1]",
            string name => name,
        };
        return Uri.TryCreate($"{address.Scheme}://{host}:{address.Port}{address.PathBase}{Path}", UriKind.Absolute, out Uri? reachable) && IsHttp(reachable) ? reachable : null;
    }

    private static bool IsHttp(Uri address) => address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps;
}
