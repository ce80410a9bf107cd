using Microsoft.Extensions.Options;

namespace ModelGateway.Trust;

/// <summary>Reads every key at the start, so that a missing file is told then and not at the first signed model.</summary>
internal sealed class TrustOptionsValidator(IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var faults = new List<string>();
        ConfiguredTrust.ReadSignatures(options.Signatures, environment.ContentRootPath, faults);
        ConfiguredTrust.ReadEncryption(options.Encryption, environment.ContentRootPath, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
