namespace ModelGateway.Serving.Repository;

/// <summary>Folders that nobody but this user reads or writes: models may be secret, and nobody else may put others in their place.</summary>
internal static class PrivateFolder
{
    /// <summary>Makes it where it is not there; an existing folder keeps its mode.</summary>
    public static string Create(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return folder;
    }
}
