using Microsoft.Extensions.Options;

namespace ModelGateway.Observability.Tracing;

/// <summary>Reads the collector's address and headers at the start, so that a fault is told then.</summary>
internal sealed class TracingOptionsValidator(IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var faults = new List<string>();
        ConfiguredCollector.Read(options.Tracing, environment.ContentRootPath, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
