using ModelGateway.Serving.Models.Configuration;

namespace ModelGateway.Serving.Models;

/// <summary>
/// Reads <c>model.yaml</c>. JSON is YAML too, so the same keys may come as a JSON object.
/// What the keys are is said once, in <see cref="ModelConfigKeys"/>.
/// </summary>
public static class ModelConfigReader
{
    /// <summary>
    /// The configuration, or all that is wrong with the text at once. Nothing in the text makes it throw, and its cost is bounded:
    /// what is too long, nested too deeply or built of aliases is refused. Without any key everything has its default.
    /// </summary>
    /// <param name="yamlText">The content of the file.</param>
    public static ModelConfigResult Read(string yamlText)
    {
        ArgumentNullException.ThrowIfNull(yamlText);
        var errors = new ConfigErrors();
        ModelConfig? config = ModelConfigKeys.File.Start;
        if (ConfigNodeParser.Parse(yamlText) is { } root)
        {
            _ = ModelConfigKeys.File.TryRead(new ConfigCursor(root, "", errors), out config);
        }

        return errors.IsEmpty && config is not null
            ? new ModelConfigResult(config with { LoadFingerprint = ModelConfigFingerprint.Of(config) })
            : new ModelConfigResult(errors.ToList());
    }
}
