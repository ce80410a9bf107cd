namespace ModelGateway.Storage.MLflow;

/// <summary>What a registry, or a file that it leads to, says is shown to operators, but not at any length, and on one line.</summary>
internal static class RegistryText
{
    private const int Longest = 300;

    public static string OneLine(string? text, int longest = Longest) =>
        string.Concat((text ?? "").Take(longest).Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c)).Trim();
}
