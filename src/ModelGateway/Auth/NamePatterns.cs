namespace ModelGateway.Auth;

/// <summary>Patterns over model names: <c>*</c> stands for any run of characters, everything else for itself; the case matters.</summary>
internal sealed class NamePatterns(IReadOnlyList<string> patterns)
{
    /// <summary>Whether some pattern stands for every name.</summary>
    public bool MatchesAll => patterns.Any(pattern => pattern.Length > 0 && pattern.All(character => character == '*'));

    /// <summary>Whether a pattern fits the name.</summary>
    public bool Matches(string name)
    {
        foreach (string pattern in patterns)
        {
            if (Matches(pattern, name))
            {
                return true;
            }
        }

        return false;
    }

    // Goes back to the last star only, so the time is bounded by the product of the lengths whatever a token holds.
    private static bool Matches(string pattern, string name)
    {
        int at = 0;
        int position = 0;
        int star = -1;
        int resume = 0;
        while (position < name.Length)
        {
            if (at < pattern.Length && pattern[at] == '*')
            {
                star = at++;
                resume = position;
            }
            else if (at < pattern.Length && pattern[at] == name[position])
            {
                at++;
                position++;
            }
            else if (star >= 0)
            {
                at = star + 1;
                position = ++resume;
            }
            else
            {
                return false;
            }
        }

        return pattern.AsSpan(at).TrimStart('*').IsEmpty;
    }
}
