using System.Text.RegularExpressions;

namespace ModelGateway.TestKit.Hosting;

/// <summary>A checked-in configuration of a load balancer, with a test's addresses in place of the example's. All else stays as it is.</summary>
internal static class BalancerFile
{
    /// <summary>The file with its addresses replaced.</summary>
    /// <param name="path">The file, from the root of the repository.</param>
    /// <param name="servers">Matches a whole line that names an example's replica; each run of such lines becomes one line a replica.</param>
    /// <param name="line">The line of a replica, from its number, its address and the match of the run's first line.</param>
    /// <param name="replicas">The replicas' addresses.</param>
    /// <param name="others">What else is replaced, once each.</param>
    /// <exception cref="InvalidOperationException">The file does not hold what is to be replaced: it and the test have come apart.</exception>
    public static string Read(string path, Regex servers, Func<int, Uri, Match, string> line, IReadOnlyList<Uri> replicas, params (string Example, string Real)[] others)
    {
        var lines = new List<string>();
        bool inRun = false;
        int runs = 0;
        foreach (string text in File.ReadLines(Path.Combine(RepositoryRoot.Path, path)))
        {
            Match match = servers.Match(text);
            if (!match.Success)
            {
                lines.Add(text);
            }
            else if (!inRun)
            {
                lines.AddRange(replicas.Select((replica, number) => line(number, replica, match)));
                runs++;
            }

            inRun = match.Success;
        }

        string content = string.Join('\n', lines);
        foreach ((string example, string real) in others)
        {
            content = content.Split(example).Length == 2
                ? content.Replace(example, real, StringComparison.Ordinal)
                : throw new InvalidOperationException($"{path} does not hold '{example}' just once.");
        }

        return runs > 0 ? content + '\n' : throw new InvalidOperationException($"{path} names no replica.");
    }
}
