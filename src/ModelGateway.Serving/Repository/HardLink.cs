using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Repository;

/// <summary>A second name for a file's content: the content stays on the disk until its last name is removed.</summary>
internal static partial class HardLink
{
    /// <summary>Gives <paramref name="existing"/> a second name; where the file system knows no links, makes a copy.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">The name is taken, or the disk is full.</exception>
    public static void CreateOrCopy(string existing, string link)
    {
        bool linked = OperatingSystem.IsWindows() ? CreateHardLink(link, existing, IntPtr.Zero) : Link(existing, link) == 0;
        if (!linked)
        {
            File.Copy(existing, link);
        }
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string link);

    [LibraryImport("kernel32", EntryPoint = "CreateHardLinkW", StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool CreateHardLink(string link, string existing, IntPtr securityAttributes);
}
