using System.Text;

namespace ModelGateway.TestKit;

/// <summary>A page of docs/, for tests that run what it shows.</summary>
/// <param name="path">Relative to docs/.</param>
public sealed class DocumentedPage(string path)
{
    private const string Fence = "```";
    private readonly string _text = CheckedInFile.Read($"docs/{path}");

    /// <summary>A fenced block.</summary>
    /// <param name="heading">The heading that it stands below, as it is written: <c>## Example</c>.</param>
    /// <param name="language">What stands behind the fence.</param>
    /// <param name="index">0 for the first one of that language below the heading.</param>
    /// <exception cref="InvalidDataException">The page has no such block.</exception>
    public string Block(string heading, string language, int index = 0)
    {
        List<string> blocks = Blocks(heading, language);
        return index < blocks.Count
            ? blocks[index]
            : throw new InvalidDataException($"docs/{path} has {blocks.Count} blocks of {language} below '{heading}', none with the index {index}.");
    }

    private List<string> Blocks(string heading, string language)
    {
        var blocks = new List<string>();
        StringBuilder? block = null;
        string? opening = null;
        bool isBelow = false;
        foreach (string line in _text.Split('\n'))
        {
            if (opening is null && line.StartsWith(Fence, StringComparison.Ordinal))
            {
                opening = line;
                block = isBelow && line == Fence + language ? new StringBuilder() : null;
            }
            else if (opening is not null && line == Fence)
            {
                opening = null;
                if (block is not null)
                {
                    blocks.Add(block.ToString());
                }
            }
            else if (opening is not null)
            {
                // A line that begins with # is a comment here, and a heading outside.
                block?.Append(line).Append('\n');
            }
            else if (line.StartsWith('#'))
            {
                isBelow = line == heading;
            }
        }

        return blocks;
    }
}
