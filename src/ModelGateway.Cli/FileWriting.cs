namespace ModelGateway.Cli;

/// <summary>Files that appear whole, under a name that the gateway reads, only when they are.</summary>
internal static class FileWriting
{
    /// <summary>Writes a file beside its place, under a hidden name that no repository lists, and moves it there.</summary>
    public static void Atomically(string path, Action<Stream> write)
    {
        string staged = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():n}");
        try
        {
            using (FileStream file = new(staged, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(staged, path, overwrite: true);
        }
        catch
        {
            File.Delete(staged);
            throw;
        }
    }

    /// <summary>Writes a new file that its owner alone may read.</summary>
    /// <exception cref="RefusedException">There is one already: a key that is overwritten is lost.</exception>
    public static void NewSecret(string path, string content) => New(path, content, UnixFileMode.UserRead | UnixFileMode.UserWrite);

    /// <summary>Writes a new file that everybody may read.</summary>
    public static void NewPublic(string path, string content) => New(path, content, null);

    private static void New(string path, string content, UnixFileMode? mode)
    {
        if (Path.Exists(path))
        {
            throw new RefusedException($"'{path}' is there already, and a key is never overwritten: take another name.");
        }

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (mode is not null && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = mode;
        }

        using StreamWriter file = new(path, options);
        file.Write(content);
    }
}
