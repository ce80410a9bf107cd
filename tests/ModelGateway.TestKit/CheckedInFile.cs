using Xunit;

namespace ModelGateway.TestKit;

/// <summary>
/// Files in git that are made from the code: a test fails while such a file differs from what the code says, and run with
/// <c>UPDATE_DOCS=1</c> it writes the file instead.
/// </summary>
public static class CheckedInFile
{
    /// <summary>The file's text; <paramref name="path"/> is relative to the root of the source tree.</summary>
    public static string Read(string path) => File.ReadAllText(Path.Combine(RepositoryRoot.Path, path)).ReplaceLineEndings("\n");

    /// <summary>The whole file is <paramref name="expected"/>.</summary>
    public static void AssertIs(string path, string expected)
    {
        if (IsUpdating)
        {
            Write(path, expected);
        }

        Assert.True(Read(path) == expected, $"{path} differs from the code; run this test with UPDATE_DOCS=1 and commit the file.");
    }

    /// <summary>The lines between <c>&lt;!-- name --&gt;</c> and <c>&lt;!-- /name --&gt;</c> are <paramref name="expected"/>.</summary>
    public static void AssertHolds(string path, string name, string expected)
    {
        string text = Read(path);
        string begin = $"<!-- {name} -->\n";
        string end = $"<!-- /{name} -->";
        int from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        int to = text.IndexOf(end, StringComparison.Ordinal);
        Assert.True(from >= begin.Length && to >= from, $"{path} has no lines {begin.TrimEnd()} and {end}.");
        AssertIs(path, text[..from] + expected + text[to..]);
    }

    private static bool IsUpdating => Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1";

    private static void Write(string path, string text)
    {
        string full = Path.Combine(RepositoryRoot.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
