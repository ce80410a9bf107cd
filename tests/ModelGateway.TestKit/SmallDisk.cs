using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

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

    private string Filler => System.IO.Path.Combine(Path, "filler");

    /// <summary>Takes all that is free, to the last byte, as a neighbour's file does.</summary>
    public void Fill()
    {
        byte[] page = new byte[4096];
        using SafeFileHandle file = File.OpenHandle(Filler, FileMode.OpenOrCreate, FileAccess.Write);
        try
        {
            for (long length = RandomAccess.GetLength(file); ; length += page.Length)
            {
                RandomAccess.Write(file, page, length);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    /// <summary>The neighbour's file is gone.</summary>
    public void Free() => File.Delete(Filler);

    /// <summary>
    /// Takes what a file has reserved for itself from it, so that the next write to it needs room, as where a file system reserves nothing. By another
    /// process: in this one the file may be locked.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="kept">Bytes at its beginning that it keeps.</param>
    public static void Unreserve(string file, int kept = 0) => Run("truncate", $"--size={kept}", file);

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
