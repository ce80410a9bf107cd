namespace ModelGateway.Serving.Models;

/// <summary>The did-you-mean of every error that names something unknown.</summary>
public static class NameSuggestion
{
    private const int LongestName = 128;

    /// <summary><c> Did you mean 'iris'?</c> with a leading space, or an empty string where nothing is close.</summary>
    public static string For(string unknown, IEnumerable<string> known)
    {
        string? best = null;
        int bestDistance = Math.Max(1, unknown.Length / 3) + 1;
        foreach (string candidate in known)
        {
            // Each letter more or less is an edit; most names are out by that alone.
            if (Math.Abs(unknown.Length - candidate.Length) >= bestDistance)
            {
                continue;
            }

            int distance = Distance(unknown, candidate);
            if (distance < bestDistance)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        return best is null ? "" : $" Did you mean '{best}'?";
    }

    /// <summary>A name that a caller made up, as messages show it: the start of it where it is very long.</summary>
    public static string Shorten(string name) => name.Length <= LongestName ? name : name[..LongestName] + "…";

    // Edits (insert, delete, replace, swap of neighbours) without regard to case; names over 128 characters are never close.
    private static int Distance(string a, string b)
    {
        if (a.Length > LongestName || b.Length > LongestName)
        {
            return int.MaxValue;
        }

        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                int replace = IsSame(a[i - 1], b[j - 1]) ? 0 : 1;
                cost[i, j] = Math.Min(Math.Min(cost[i - 1, j] + 1, cost[i, j - 1] + 1), cost[i - 1, j - 1] + replace);
                if (i > 1 && j > 1 && IsSame(a[i - 1], b[j - 2]) && IsSame(a[i - 2], b[j - 1]))
                {
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
                }
            }
        }

        return cost[a.Length, b.Length];
    }

    private static bool IsSame(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);
}
