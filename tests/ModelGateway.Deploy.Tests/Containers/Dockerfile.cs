using System.Text;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Containers;

/// <summary>docker/Dockerfile as a list of instructions, by stage.</summary>
internal sealed class Dockerfile
{
    private static readonly string[] Known =
        ["ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"];

    private Dockerfile(List<Instruction> instructions) => Instructions = instructions;

    public IReadOnlyList<Instruction> Instructions { get; }

    /// <summary>Instructions of the last stage, which is the image.</summary>
    public IEnumerable<Instruction> Image => Instructions.Skip(Instructions.ToList().FindLastIndex(instruction => instruction.Name == "FROM"));

    public static Dockerfile Read()
    {
        var instructions = new List<Instruction>();
        var line = new StringBuilder();
        foreach (string part in CheckedInFile.Read("docker/Dockerfile").Split('\n').Where(part => !part.TrimStart().StartsWith('#')))
        {
            line.Append(part.TrimEnd('\\'));
            if (part.EndsWith('\\') || string.IsNullOrWhiteSpace(line.ToString()))
            {
                continue;
            }

            string[] words = line.ToString().Trim().Split(' ', 2);
            Assert.Contains(words[0], Known);
            instructions.Add(new Instruction(words[0], words[1].Trim()));
            line.Clear();
        }

        return new Dockerfile(instructions);
    }

    /// <summary>The last instruction of a name in the image.</summary>
    public string Of(string name) => Image.Last(instruction => instruction.Name == name).Arguments;

    internal sealed record Instruction(string Name, string Arguments);
}
