using System.Text;

namespace ModelGateway.TestKit.Measuring;

/// <summary>Comparisons as a table in Markdown.</summary>
public static class ComparisonTable
{
    /// <summary>The table, with a line break at its end.</summary>
    public static string Markdown(IReadOnlyList<ComparisonRow> rows)
    {
        var table = new StringBuilder("| what | median (range) | bar | behind it |\n| --- | --- | --- | --- |\n");
        foreach (ComparisonRow row in rows)
        {
            string bar = row.Bar is not { } asked ? "" : row.IsReached ? $"{asked}{row.Unit}" : $"{asked}{row.Unit}, missed";
            table.Append($"| {Cell(row.Title)} | **{row.Median}** ({row.Range}) | {bar} | {Cell(row.Details)} |\n");
        }

        return table.ToString();
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');
}
