using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests;

/// <summary>A tool of the field, run to its end.</summary>
internal static class Command
{
    private static readonly Dictionary<string, string> Nothing = [];

    /// <summary>Runs a program and returns what it wrote; fails with its error output unless it ends with 0.</summary>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        ProgramRun run = await TryRunAsync(program, arguments, environment);
        Assert.True(run.Code == 0, $"{program} {string.Join(' ', arguments)} ends with {run.Code}: {run.Errors}{run.Output}");
        return run.Output;
    }

    /// <summary>Runs a program and returns how it ended.</summary>
    public static Task<ProgramRun> TryRunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        ProgramRun.OfAsync(Environment.CurrentDirectory, environment ?? Nothing, [program, .. arguments]);
}
