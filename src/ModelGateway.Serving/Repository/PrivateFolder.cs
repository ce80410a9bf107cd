using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Repository;

/// <summary>Folders that nobody but this user reads or writes: models may be secret, and nobody else may put others in their place.</summary>
internal static partial class PrivateFolder
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const uint SameGroup = uint.MaxValue;

    /// <summary>
    /// Makes the folder that the operator names for this. An existing one keeps its owner and mode, for a mounted volume may belong to root
    /// and a group; only below the folder for temporary files, where anybody may have made it, it must be this user's own.
    /// </summary>
    /// <exception cref="IOException">It cannot be made, or is somebody else's.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be made.</exception>
    public static string CreateRoot(string folder)
    {
        string full = Path.GetFullPath(folder);
        string temporary = Path.TrimEndingDirectorySeparator(Path.GetFullPath(Path.GetTempPath()));
        bool isAnybodys = full.StartsWith(temporary + Path.DirectorySeparatorChar, StringComparison.Ordinal);
        return isAnybodys ? Create(folder) : Make(folder);
    }

    /// <summary>Makes a folder that is nobody else's business; an existing one must be this user's own and is closed to others.</summary>
    /// <exception cref="IOException">It cannot be made, or is somebody else's.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be made.</exception>
    public static string Create(string folder)
    {
        Make(folder);
        if (!OperatingSystem.IsWindows())
        {
            TakeOver(folder);
        }

        return folder;
    }

    private static string Make(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, Owner);
        }

        return folder;
    }

    // To give a folder to oneself succeeds for its owner, to whom it changes nothing, and for root, whose it then is.
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    private static void TakeOver(string folder)
    {
        if (new DirectoryInfo(folder).LinkTarget is not null || ChangeOwner(folder, EffectiveUser(), SameGroup) != 0)
        {
            throw new IOException($"'{folder}' is a link or belongs to another user, who could put other models there: remove it, or set Gateway:ArtifactFolder to a folder of this user's own.");
        }

        if (File.GetUnixFileMode(folder) != Owner)
        {
            File.SetUnixFileMode(folder, Owner);
        }
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "lchown", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint owner, uint group);
}
