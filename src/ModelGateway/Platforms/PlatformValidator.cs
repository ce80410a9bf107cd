using Microsoft.Extensions.Options;
using ModelGateway.Serving.Models;

namespace ModelGateway.Platforms;

/// <summary>Faults of the platform's environment, told with all others when the process starts.</summary>
internal sealed class PlatformValidator(PlatformSettings settings) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        List<string> faults = [.. settings.Faults];
        if (!string.IsNullOrEmpty(options.PlatformModel) && !ModelName.IsValid(options.PlatformModel.Split('/')[0]))
        {
            faults.Add($"{GatewayOptions.Section}:{nameof(GatewayOptions.PlatformModel)} is no model's name: it is a name, or a name, a slash and a version or label.");
        }

        if (settings is { IsMultiModel: true } && options.Repository.Contains("://", StringComparison.Ordinal) && !options.Repository.StartsWith("file://", StringComparison.Ordinal))
        {
            faults.Add(
                $"{GatewayOptions.Section}:{nameof(GatewayOptions.Repository)} must be a folder where SAGEMAKER_MULTI_MODEL is true: the one below which SageMaker puts the models.");
        }

        if (settings is { IsMultiModel: true } && options.Repositories.Count > 0)
        {
            faults.Add(
                $"{GatewayOptions.Section}:{nameof(GatewayOptions.Repositories)} cannot be used where SAGEMAKER_MULTI_MODEL is true: SageMaker says which models there are.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
