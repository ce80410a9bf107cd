using System.Text;
using Microsoft.Extensions.Options;

namespace ModelGateway;

/// <summary>What an operator reads when the configuration does not hold: every fault at once, and no stack trace.</summary>
internal static class StartupFaults
{
    public static string Describe(OptionsValidationException exception)
    {
        List<string> faults = [.. exception.Failures.Distinct(StringComparer.Ordinal)];
        var text = new StringBuilder(faults.Count == 1
            ? "ModelGateway does not start: its configuration has a fault."
            : $"ModelGateway does not start: its configuration has {faults.Count} faults.");
        foreach (string fault in faults)
        {
            text.AppendLine().Append("  - ").Append(fault);
        }

        return text.ToString();
    }
}
