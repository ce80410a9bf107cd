using System.ComponentModel;
using System.Diagnostics;

namespace ModelGateway.TestKit;

/// <summary>The program openssl, with a folder of its own: what others sign with, and check with, is not our code.</summary>
public sealed class OpenSsl : IDisposable
{
    /// <summary>Where its files are; arguments may name them without a path.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("openssl-").FullName;

    /// <summary>Makes a private key, and its public half beside it.</summary>
    /// <param name="kind"><c>ecdsa</c> (P-256) or <c>ed25519</c>.</param>
    /// <param name="name">Of the files <c>name.pem</c> and <c>name.pub.pem</c>.</param>
    /// <returns>The public key in PEM.</returns>
    public string MakeKey(string kind, string name)
    {
        Run([.. "genpkey -out".Split(' '), $"{name}.pem", .. (kind == "ecdsa" ? "-algorithm EC -pkeyopt ec_paramgen_curve:P-256" : "-algorithm ed25519").Split(' ')]);
        Run("pkey", "-in", $"{name}.pem", "-pubout", "-out", $"{name}.pub.pem");
        return File.ReadAllText(PathOf($"{name}.pub.pem"));
    }

    /// <summary>Signs as the documentation tells publishers to.</summary>
    public byte[] Sign(string kind, string name, byte[] content)
    {
        File.WriteAllBytes(PathOf("content"), content);
        if (kind == "ecdsa")
        {
            Run("dgst", "-sha256", "-sign", $"{name}.pem", "-out", "content.sig", "content");
        }
        else
        {
            Run("pkeyutl", "-sign", "-rawin", "-inkey", $"{name}.pem", "-in", "content", "-out", "content.sig");
        }

        return File.ReadAllBytes(PathOf("content.sig"));
    }

    /// <summary>The full path of a file in the folder.</summary>
    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>Runs it; what it writes.</summary>
    /// <exception cref="InvalidOperationException">It fails, or is not there.</exception>
    public string Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"openssl {string.Join(' ', arguments)}: {errors.GetAwaiter().GetResult()}");
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private Process Start(string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("openssl", arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException("openssl is not there: run tests/run.sh, which installs it.", exception);
        }
    }
}
