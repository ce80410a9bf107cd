using System.CommandLine;
using System.CommandLine.Invocation;
using System.Security.Cryptography;

namespace ModelGateway.Cli;

/// <summary>The commands and what their ends mean: 0 done, 1 refused or failed, 2 asked for in a way that makes no sense.</summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int Misused = 2;

    public static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        var root = new RootCommand("Prepares models for ModelGateway: manifests, signatures, encryption, indexes and keys.")
        {
            ManifestCommand.Create(output),
            VerifyCommand.Create(output),
            IndexCommand.Create(output),
            KeygenCommand.Create(output),
        };
        ParseResult parsed = root.Parse(args);
        var invocation = new InvocationConfiguration { Output = output, Error = errors, EnableDefaultExceptionHandler = false };
        try
        {
            int code = parsed.Invoke(invocation);
            return parsed.Action is ParseErrorAction ? Misused : code;
        }
        catch (UsageException exception)
        {
            errors.WriteLine($"modelgateway: {exception.Message}");
            return Misused;
        }
        catch (Exception exception) when (exception is RefusedException or IOException or UnauthorizedAccessException or InvalidDataException or CryptographicException)
        {
            errors.WriteLine($"modelgateway: {exception.Message}");
            return Failed;
        }
    }
}

/// <summary>What was asked for makes no sense.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>It cannot be done, or something is not as it should be.</summary>
internal sealed class RefusedException(string message) : Exception(message);
