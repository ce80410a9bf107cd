using System.CommandLine;
using System.Security.Cryptography;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Cli;

/// <summary><c>modelgateway index</c>: <c>index.json</c> at the root of a repository, by which gateways see in one request that nothing changed.</summary>
internal static class IndexCommand
{
    private static readonly Argument<DirectoryInfo> Folder = new("folder") { Description = "The repository's folder: that of the model folders." };

    public static Command Create(TextWriter output)
    {
        var command = new Command("index", """
            Writes index.json at the root of a repository: every object with its size, time and SHA-256.

            A gateway then asks for that one file at every interval instead of listing the bucket. Upload it last, after the models. Example:
              modelgateway index models
            """)
        {
            Folder,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed.GetRequiredValue(Folder), output, cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(DirectoryInfo folder, TextWriter output, CancellationToken cancellationToken)
    {
        // Listed as a gateway lists a folder, so that the index names what a gateway would take.
        ObjectListing listing = (await new FileObjectStore(folder.FullName).ListAsync(null, cancellationToken))!;
        List<StoredObject> objects = [];
        foreach (StoredObject item in listing.Objects.Where(item => item.Key != RepositoryIndex.FileName))
        {
            objects.Add(item with { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, await HashAsync(folder, item, cancellationToken)) });
        }

        FileWriting.Atomically(Path.Combine(folder.FullName, RepositoryIndex.FileName), file => RepositoryIndex.Write(file, objects));
        await output.WriteLineAsync($"{RepositoryIndex.FileName} names {objects.Count} objects.");
        return 0;
    }

    private static async Task<string> HashAsync(DirectoryInfo folder, StoredObject item, CancellationToken cancellationToken)
    {
        await using FileStream file = File.OpenRead(Path.Combine(folder.FullName, item.Key));
        byte[] hash = await SHA256.HashDataAsync(file, cancellationToken);
        return file.Position == item.Size
            ? Convert.ToHexStringLower(hash)
            : throw new RefusedException($"'{item.Key}' changed while it was read: run the command again when everything is in its place.");
    }
}
