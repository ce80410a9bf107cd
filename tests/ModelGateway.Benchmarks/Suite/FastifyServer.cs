using System.Diagnostics;
using System.Globalization;
using ModelGateway.TestKit;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>
/// The Fastify server of the folder <c>fastify</c>, with its packages: they are installed from the lock file into <c>artifacts/tools</c> when they are
/// first needed. Their install scripts are not run, because all that these would do is to fetch libraries for graphics cards.
/// </summary>
internal static class FastifyServer
{
    private static readonly string Source = Path.Combine(RepositoryRoot.Path, "tests", "ModelGateway.Benchmarks", "fastify");
    private static readonly string Folder = Path.Combine(RepositoryRoot.Path, "artifacts", "tools", "fastify-onnx");
    private static readonly string[] Files = ["package.json", "package-lock.json", "server.mjs"];

    /// <summary>Starts it.</summary>
    /// <param name="modelFile">The model.</param>
    /// <param name="output">The output that is answered.</param>
    /// <param name="threads">Threads inside one run; 0 for ONNX Runtime's default.</param>
    /// <param name="processes">Processes that share the port.</param>
    public static async Task<ChildServer> StartAsync(string modelFile, string output, int threads, int processes)
    {
        await InstallAsync();
        return await ChildServer.StartAsync(
            "node",
            address => [Path.Combine(Folder, "server.mjs"), address, modelFile, output, threads.ToString(CultureInfo.InvariantCulture), processes.ToString(CultureInfo.InvariantCulture)],
            [("NODE_ENV", "production")]);
    }

    /// <summary>A file of one of the packages.</summary>
    public static async Task<byte[]> ReadPackageFileAsync(params string[] path)
    {
        await InstallAsync();
        return await File.ReadAllBytesAsync(Path.Combine([Folder, "node_modules", .. path]));
    }

    private static async Task InstallAsync()
    {
        string installed = Path.Combine(Folder, "installed");
        string wanted = await File.ReadAllTextAsync(Path.Combine(Source, "package-lock.json"));
        Directory.CreateDirectory(Folder);
        foreach (string file in Files)
        {
            File.Copy(Path.Combine(Source, file), Path.Combine(Folder, file), overwrite: true);
        }

        if (File.Exists(installed) && await File.ReadAllTextAsync(installed) == wanted)
        {
            return;
        }

        Console.WriteLine("  installing the packages of the Fastify server");
        using Process npm = ChildServer.Start(new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]) { WorkingDirectory = Folder });
        await npm.WaitForExitAsync();
        if (npm.ExitCode != 0)
        {
            throw new InvalidOperationException($"npm ci failed in {Folder} with {npm.ExitCode}.");
        }

        await File.WriteAllTextAsync(installed, wanted);
    }
}
