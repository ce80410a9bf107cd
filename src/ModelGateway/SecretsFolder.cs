using Microsoft.Extensions.Options;

namespace ModelGateway;

/// <summary>Settings from a folder with one file for each, as secrets are mounted (<c>Gateway:SecretsFolder</c>).</summary>
internal static class SecretsFolder
{
    private const string Key = GatewayOptions.Section + ":" + nameof(GatewayOptions.SecretsFolder);

    /// <summary>Adds the folder to the configuration. One that is not there is a fault that is told with all others.</summary>
    public static void AddSecretsFolder(this WebApplicationBuilder builder)
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration[Key]))
        {
            return;
        }

        string folder = Path.GetFullPath(Path.Combine(builder.Environment.ContentRootPath, builder.Configuration[Key]!));
        string? fault = Add(builder.Configuration, folder);
        if (fault is not null)
        {
            builder.Services.AddSingleton<IValidateOptions<GatewayOptions>>(new ValidateOptions<GatewayOptions>(null, static _ => false, $"{Key} {fault}"));
        }
    }

    private static string? Add(ConfigurationManager configuration, string folder)
    {
        if (!Directory.Exists(folder))
        {
            return "names a folder that is not there.";
        }

        try
        {
            configuration.AddKeyPerFile(folder, optional: false, reloadOnChange: false);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"names a folder that cannot be read: {exception.Message}";
        }
    }
}
