using System.Diagnostics;

namespace ModelGateway.TestKit;

/// <summary>A file system of its own that is soon full; Linux, as root or with a sudo that asks for nothing.</summary>
public sealed class SmallDisk : IDisposable
{
    /// <param name="kibibytes">What fits on it.</param>
    public SmallDisk(int kibibytes)
    {
        Directory.CreateDirectory(Path);
        Run("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k,mode=777", "tmpfs", Path);
    }

    /// <summary>Where it is mounted.</summary>
    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"disk-{Guid.NewGuid():n}");

    /// <inheritdoc/>
    public void Dispose()
    {
        Run("umount", "--lazy", Path);
        Directory.Delete(Path);
    }

    private static void Run(params string[] command)
    {
        string[] whole = Environment.IsPrivilegedProcess ? command : ["sudo", "-n", .. command];
        using Process process = Process.Start(whole[0], whole[1..]);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"'{string.Join(' ', whole)}' failed with {process.ExitCode}.");
        }
    }
}
