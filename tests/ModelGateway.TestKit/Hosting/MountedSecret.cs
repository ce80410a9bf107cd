using System.Globalization;
using System.Runtime.InteropServices;

namespace ModelGateway.TestKit.Hosting;

/// <summary>
/// A folder as Kubernetes mounts secrets: every file is a symbolic link through <c>..data</c>, which is a link itself and is turned to a new
/// folder, by one rename, when the secret changes.
/// </summary>
public sealed partial class MountedSecret : IDisposable
{
    private const string Data = "..data";
    private int _generation;

    /// <summary>The folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("secret-").FullName;

    /// <summary>The path of one of its files.</summary>
    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Replaces all of its content at once.</summary>
    public void Put(params (string Name, string Content)[] files) => Put([.. files.Select(file => (file.Name, System.Text.Encoding.UTF8.GetBytes(file.Content)))]);

    /// <summary>Replaces all of its content at once.</summary>
    public void Put(params (string Name, byte[] Content)[] files)
    {
        string generation = string.Create(CultureInfo.InvariantCulture, $"..generation-{++_generation}");
        Directory.CreateDirectory(PathOf(generation));
        foreach ((string name, byte[] content) in files)
        {
            File.WriteAllBytes(Path.Combine(Folder, generation, name), content);
        }

        // The framework's own moves follow the link, or refuse.
        File.CreateSymbolicLink(PathOf("..new"), generation);
        if (Rename(PathOf("..new"), PathOf(Data)) != 0)
        {
            throw new IOException($"The link cannot be turned: error {Marshal.GetLastPInvokeError()}.");
        }

        foreach ((string name, _) in files)
        {
            if (new FileInfo(PathOf(name)).LinkTarget is null)
            {
                File.CreateSymbolicLink(PathOf(name), Path.Combine(Data, name));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);

    [LibraryImport("libc", EntryPoint = "rename", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Rename(string from, string to);
}
