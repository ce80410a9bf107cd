using System.Diagnostics;
using Xunit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>Prometheus' own tool.</summary>
internal static class Promtool
{
    /// <summary>Runs it and asserts that it finds no fault.</summary>
    public static void AssertAccepts(params string[] arguments)
    {
        (int code, string output) = Run(arguments);
        Assert.True(code == 0, $"promtool {string.Join(' ', arguments)}: {output}");
    }

    /// <summary>Runs it.</summary>
    public static (int Code, string Output) Run(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("promtool", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }
}
