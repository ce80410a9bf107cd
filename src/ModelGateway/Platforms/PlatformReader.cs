using System.Globalization;
using System.Text.RegularExpressions;
using ModelGateway.Auth;
using ModelGateway.Serving.Models;

namespace ModelGateway.Platforms;

/// <summary>
/// From command line and environment to <see cref="PlatformSettings"/>. A pure function of its arguments.
/// </summary>
/// <remarks>
/// <code>
/// platform    known by                                what it sets where nobody else does
/// SageMaker   the argument serve                      port 8080 or SAGEMAKER_BIND_TO_PORT, repository /opt/ml/model
///             SAGEMAKER_MULTI_MODEL=true              repository /opt/ml/models, filled by POST /models
/// Vertex      AIP_MODE=PREDICTION, AIP_PREDICT_ROUTE  port AIP_HTTP_PORT, repository AIP_STORAGE_URI, looked at once an hour
/// AzureMl     AZUREML_MODEL_DIR                       port 5001, repository AZUREML_MODEL_DIR
/// </code>
/// All of them switch authentication off, unless the configuration says whose tokens are accepted: who may call is decided before a request
/// reaches the container, and a platform's own requests carry no token.
/// </remarks>
internal static partial class PlatformReader
{
    public const string PlatformKey = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Platform)}";
    private const string RepositoryKey = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Repository)}";
    private const string RepositoriesKey = $"{GatewayOptions.Section}:{nameof(GatewayOptions.Repositories)}";
    private const string DefaultName = "model";

    // What Google documents for a model that names no routes.
    private const string VertexDefaultRoute = "/v1/endpoints/endpoint/deployedModels/model";

    /// <param name="args">The command line.</param>
    /// <param name="configuration">Everything configured, with the environment's variables under their own names.</param>
    public static PlatformSettings Read(IReadOnlyList<string> args, IConfiguration configuration)
    {
        string? named = configuration[PlatformKey];
        if (!string.IsNullOrWhiteSpace(named))
        {
            // What is none of them is a fault of the options, which are bound later.
            return Enum.TryParse(named, ignoreCase: true, out Platform platform) ? Read(platform, configuration) : new PlatformSettings(Platform.None);
        }

        List<Platform> found = Detect(args, configuration);
        return found.Count switch
        {
            0 => new PlatformSettings(Platform.None),
            1 => Read(found[0], configuration),
            _ => new PlatformSettings(Platform.None)
            {
                Faults = [$"The environment looks like that of {string.Join(" and of ", found)}: say which by {PlatformKey}, or None."],
            },
        };
    }

    private static List<Platform> Detect(IReadOnlyList<string> args, IConfiguration configuration)
    {
        var found = new List<Platform>();
        if (args is ["serve", ..])
        {
            found.Add(Platform.SageMaker);
        }

        if (configuration["AIP_MODE"] == "PREDICTION" || Has(configuration, "AIP_PREDICT_ROUTE"))
        {
            found.Add(Platform.Vertex);
        }

        if (Has(configuration, "AZUREML_MODEL_DIR"))
        {
            found.Add(Platform.AzureMl);
        }

        return found;
    }

    private static PlatformSettings Read(Platform platform, IConfiguration configuration) => platform switch
    {
        Platform.SageMaker => ReadSageMaker(configuration),
        Platform.Vertex => ReadVertex(configuration),
        Platform.AzureMl => ReadAzureMl(configuration),
        _ => new PlatformSettings(Platform.None),
    };

    private static PlatformSettings ReadSageMaker(IConfiguration configuration)
    {
        bool isMultiModel = string.Equals(configuration["SAGEMAKER_MULTI_MODEL"], "true", StringComparison.OrdinalIgnoreCase);
        var faults = new List<string>();
        Dictionary<string, string?> defaults = Defaults(
            Platform.SageMaker, configuration, ReadPort(configuration, "SAGEMAKER_BIND_TO_PORT", 8080, faults), isMultiModel ? "/opt/ml/models" : "/opt/ml/model");

        // The process is killed thirty seconds after SIGTERM.
        defaults[$"{GatewayOptions.Section}:{nameof(GatewayOptions.Shutdown)}:{nameof(ShutdownOptions.Timeout)}"] = "00:00:25";
        return new PlatformSettings(Platform.SageMaker)
        {
            HealthRoute = "/ping",
            PredictRoute = "/invocations",
            IsMultiModel = isMultiModel,
            Artifacts = HasRepositories(configuration) ? null : new PlacedArtifacts(DefaultName, 1),
            Defaults = defaults,
            Faults = faults,
        };
    }

    private static PlatformSettings ReadVertex(IConfiguration configuration)
    {
        var faults = new List<string>();
        string? uri = configuration["AIP_STORAGE_URI"];
        Dictionary<string, string?> defaults = Defaults(Platform.Vertex, configuration, ReadPort(configuration, "AIP_HTTP_PORT", 8080, faults), uri);

        // What was uploaded never changes, and each look costs a request.
        defaults[$"{GatewayOptions.Section}:{nameof(GatewayOptions.PollInterval)}"] = "01:00:00";
        return new PlatformSettings(Platform.Vertex)
        {
            HealthRoute = ReadRoute(configuration, "AIP_HEALTH_ROUTE", VertexDefaultRoute, faults),
            PredictRoute = ReadRoute(configuration, "AIP_PREDICT_ROUTE", VertexDefaultRoute + ":predict", faults),
            AnswerHeaders = [.. Header("X-Vertex-AI-Endpoint-Id", configuration["AIP_ENDPOINT_ID"]), .. Header("X-Vertex-AI-Deployed-Model-Id", configuration["AIP_DEPLOYED_MODEL_ID"])],
            Artifacts = HasRepositories(configuration) ? null : new PlacedArtifacts(DefaultName, 1),
            Defaults = defaults,
            Faults = faults,
        };
    }

    private static PlatformSettings ReadAzureMl(IConfiguration configuration)
    {
        string? folder = configuration["AZUREML_MODEL_DIR"];
        return new PlatformSettings(Platform.AzureMl)
        {
            HealthRoute = "/",
            PredictRoute = "/score",
            Artifacts = HasRepositories(configuration) ? null : ReadRegistered(folder ?? ""),
            Defaults = Defaults(Platform.AzureMl, configuration, 5001, folder),
        };
    }

    // Registered models are mounted at .../<name>/<version>.
    private static PlacedArtifacts ReadRegistered(string folder)
    {
        string[] parts = folder.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length >= 2 && ModelName.IsValid(parts[^2]) && long.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out long version) && version > 0
            ? new PlacedArtifacts(parts[^2], version)
            : new PlacedArtifacts(DefaultName, 1);
    }

    private static Dictionary<string, string?> Defaults(Platform platform, IConfiguration configuration, int port, string? repository)
    {
        var defaults = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            [PlatformKey] = platform.ToString(),
            ["urls"] = string.Create(CultureInfo.InvariantCulture, $"http://+:{port}"),
        };
        if (!HasRepository(configuration) && !string.IsNullOrWhiteSpace(repository))
        {
            defaults[RepositoryKey] = repository;
        }

        IConfigurationSection auth = configuration.GetSection(AuthOptions.Section);
        if (!Has(auth, nameof(AuthOptions.Authority)) && !auth.GetSection(nameof(AuthOptions.Keys)).GetChildren().Any())
        {
            defaults[$"{AuthOptions.Section}:{nameof(AuthOptions.Enabled)}"] = "false";
        }

        return defaults;
    }

    private static bool HasRepository(IConfiguration configuration) =>
        Has(configuration, RepositoryKey) || HasRepositories(configuration);

    private static bool HasRepositories(IConfiguration configuration) => configuration.GetSection(RepositoriesKey).GetChildren().Any();

    private static bool Has(IConfiguration configuration, string key) => !string.IsNullOrWhiteSpace(configuration[key]);

    private static int ReadPort(IConfiguration configuration, string variable, int otherwise, List<string> faults)
    {
        if (!Has(configuration, variable))
        {
            return otherwise;
        }

        if (int.TryParse(configuration[variable], NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= ushort.MaxValue)
        {
            return port;
        }

        faults.Add($"{variable} is no port: it must be a number from 1 to 65535.");
        return otherwise;
    }

    private static string ReadRoute(IConfiguration configuration, string variable, string otherwise, List<string> faults)
    {
        if (configuration[variable] is not { Length: > 0 } route)
        {
            return otherwise;
        }

        if (Route().IsMatch(route))
        {
            return route;
        }

        faults.Add($"{variable} is no path: it must begin with '/' and have letters, digits and any of - . _ ~ : / only.");
        return otherwise;
    }

    private static IEnumerable<KeyValuePair<string, string>> Header(string name, string? value) =>
        !string.IsNullOrEmpty(value) && value.All(char.IsAsciiLetterOrDigit) ? [new(name, value)] : [];

    [GeneratedRegex(@"^/[A-Za-z0-9._~:/-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Route();
}
