namespace ModelGateway.Cli.Tests;

/// <summary>One run of the tool, in this process.</summary>
internal sealed record CliRun(int Code, string Output, string Errors)
{
    public static CliRun Of(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        int code = CommandLine.Run(arguments, output, errors);
        return new CliRun(code, output.ToString(), errors.ToString());
    }
}
