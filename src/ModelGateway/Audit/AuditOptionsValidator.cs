using Microsoft.Extensions.Options;

namespace ModelGateway.Audit;

/// <summary>Opens the audit file at the start, so that a wrong path is told then and not when a line is lost.</summary>
internal sealed class AuditOptionsValidator(IHostEnvironment environment) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        if (!AuditLog.IsEnabled(options.Audit, environment) || AuditLog.FileOf(options.Audit, environment) is not { } file)
        {
            return ValidateOptionsResult.Success;
        }

        try
        {
            using FileStream opened = AuditLog.Open(file);
            return ValidateOptionsResult.Success;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return ValidateOptionsResult.Fail($"{AuditOptions.Section}:{nameof(AuditOptions.File)} names a file that cannot be written: {exception.Message}");
        }
    }
}
