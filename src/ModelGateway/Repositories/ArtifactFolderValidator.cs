using Microsoft.Extensions.Options;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Repositories;

/// <summary>Finds out at the start whether the artifact folder can be written to: a mounted volume often belongs to somebody else.</summary>
internal sealed class ArtifactFolderValidator : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        string folder = options.ArtifactFolder ?? new ServingOptions().ArtifactFolder;
        try
        {
            using (File.Create(Path.Combine(Existing(folder), $".writable-{Guid.NewGuid():n}"), 1, FileOptions.DeleteOnClose))
            {
            }

            return ValidateOptionsResult.Success;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ValidateOptionsResult.Fail($"Gateway:ArtifactFolder: the user of this process must be able to write to '{folder}'. {exception.Message}");
        }
    }

    // The cache makes what is missing, so that it belongs to this user alone; here the place where it would be made must take a file.
    private static string Existing(string folder)
    {
        string place = Path.GetFullPath(folder);
        while (!Directory.Exists(place))
        {
            place = File.Exists(place) ? throw new IOException($"'{place}' is a file.") : Path.GetDirectoryName(place) ?? throw new IOException($"'{place}' does not exist.");
        }

        return place;
    }
}
