using System.Globalization;
using System.Security;
using System.Text;

namespace ModelGateway.TestKit.Measuring;

/// <summary>Comparisons as a picture: a line each, as long as the median is good in terms of its bar, with the range over it.</summary>
public static class ComparisonChart
{
    private const int Width = 1100;
    private const int Left = 640;
    private const int Right = 90;
    private const int RowHeight = 26;
    private const int Top = 44;

    // Beyond it a line is cut: one that is ten times its bar must not flatten all others.
    private const double Most = 2.5;

    /// <summary>The picture, as SVG. Rows without a bar are left out: there is nothing to draw them against.</summary>
    public static string Svg(IReadOnlyList<ComparisonRow> rows)
    {
        ComparisonRow[] drawn = [.. rows.Where(row => row.Bar is not null)];
        int height = Top + (drawn.Length * RowHeight) + 30;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" font-family="sans-serif" font-size="13">""").Append('\n');
        svg.Append("""<rect width="100%" height="100%" fill="#ffffff"/>""").Append('\n');
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="12" y="24" font-weight="bold">How each measurement stands to its bar (1 reaches it, right is better; the thin line is the range of the rounds)</text>""").Append('\n');
        for (int i = 0; i < drawn.Length; i++)
        {
            AppendRow(svg, drawn[i], Top + (i * RowHeight));
        }

        foreach (double mark in new[] { 0, 0.5, 1, 1.5, 2, 2.5 })
        {
            string style = mark == 1 ? """stroke="#222222" stroke-width="1.5" """ : """stroke="#dddddd" stroke-width="0.5" """;
            svg.Append(CultureInfo.InvariantCulture, $"""<line x1="{X(mark)}" y1="{Top - 4}" x2="{X(mark)}" y2="{height - 24}" {style}/>""").Append('\n');
            svg.Append(CultureInfo.InvariantCulture, $"""<text x="{X(mark)}" y="{height - 8}" text-anchor="middle" fill="#555555">{mark:0.#}</text>""").Append('\n');
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void AppendRow(StringBuilder svg, ComparisonRow row, int y)
    {
        Bar bar = row.Bar!.Value;
        double middle = y + (RowHeight / 2.0);
        double end = X(bar.Share(row.Result.Median));
        double one = X(bar.Share(row.Result.Smallest));
        double other = X(bar.Share(row.Result.Largest));
        string color = row.IsReached ? "#2e7d5b" : "#c0562f";
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="12" y="{middle + 4:0.#}">{SecurityElement.Escape(row.Title)}</text>""").Append('\n');
        svg.Append(CultureInfo.InvariantCulture, $"""<rect x="{Left}" y="{y + 5}" width="{end - Left:0.#}" height="{RowHeight - 10}" fill="{color}" fill-opacity="0.75"/>""").Append('\n');
        svg.Append(CultureInfo.InvariantCulture, $"""<line x1="{Math.Min(one, other):0.#}" y1="{middle:0.#}" x2="{Math.Max(one, other):0.#}" y2="{middle:0.#}" stroke="#222222"/>""").Append('\n');
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="{Width - Right + 10}" y="{middle + 4:0.#}">{SecurityElement.Escape(row.Median)}</text>""").Append('\n');
    }

    private static double X(double share) => Left + ((Width - Left - Right) * Math.Clamp(double.IsNaN(share) ? 0 : share, 0, Most) / Most);
}
