using System.Diagnostics;

namespace ModelGateway.Serving.Tests.Children;

/// <summary>Starts <see cref="Program"/> in a process of its own: for what a process does from its first moment on, and as a whole.</summary>
internal static class ChildProcess
{
    /// <summary>Runs it to its end and returns what it wrote to standard output.</summary>
    /// <param name="arguments">For <see cref="Program"/>.</param>
    /// <param name="environment">Variables to set; a null value removes one.</param>
    /// <param name="wrapper">A program in front, with its arguments.</param>
    public static async Task<string> RunAsync(string[] arguments, IReadOnlyDictionary<string, string?>? environment = null, params string[] wrapper)
    {
        string[] command = [.. wrapper, "dotnet", typeof(Program).Assembly.Location, .. arguments];
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token);
            string errors = await process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"Exit code {process.ExitCode}: {errors}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
