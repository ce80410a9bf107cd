using System.Globalization;
using System.Xml.Linq;
using ModelGateway.TestKit.Measuring;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit.Measuring;

/// <summary>What docs/benchmarks.md shows is computed here: a wrong median or a bar read the wrong way round would go unnoticed there.</summary>
public class ComparisonTests
{
    private static readonly ComparisonRow Reached = new("tiny <model>", Spread.Of([0.9, 0.8, 1.0]), Bar.AtLeast(0.85), "1|2");
    private static readonly ComparisonRow Missed = new("latency", Spread.Of([4.0]), Bar.AtMost(3), "");
    private static readonly ComparisonRow Shown = new("bytes", Spread.Of([1234.5]), null, "", " B");

    [Theory]
    [InlineData(new[] { 3.0 }, 3, 3, 3)]
    [InlineData(new[] { 9.0, 1.0, 2.0 }, 2, 1, 9)]
    [InlineData(new[] { 4.0, 1.0, 3.0, 9.0 }, 3.5, 1, 9)]
    public void Of_ValuesInAnyOrder_MedianAndEnds(double[] values, double median, double smallest, double largest) =>
        Assert.Equal(new Spread(median, smallest, largest), Spread.Of(values));

    [Fact]
    public void Of_NoValue_Throws() => Assert.Throws<ArgumentException>(() => Spread.Of([]));

    [Fact]
    public void Bar_FloorAndCeiling_ReachedFromTheirSide()
    {
        Assert.True(Bar.AtLeast(2).IsReached(2));
        Assert.False(Bar.AtLeast(2).IsReached(1.99));
        Assert.True(Bar.AtMost(2).IsReached(2));
        Assert.False(Bar.AtMost(2).IsReached(2.01));
        Assert.Equal(1.5, Bar.AtLeast(2).Share(3));
        Assert.Equal(0.5, Bar.AtMost(2).Share(4));
    }

    [Fact]
    public void Markdown_Rows_OneLineEachWithMedianRangeAndBar() =>
        Assert.Equal(
            """
            | what | median (range) | bar | behind it |
            | --- | --- | --- | --- |
            | tiny <model> | **0.90** (0.80–1.00) | ≥ 0.85 | 1\|2 |
            | latency | **4.00** (4.00–4.00) | ≤ 3, missed |  |
            | bytes | **1,235 B** (1,235–1,235) |  |  |

            """,
            ComparisonTable.Markdown([Reached, Missed, Shown]));

    [Fact]
    public void Svg_Rows_EachWithABarIsDrawnAsLongAsItIsGood()
    {
        XDocument picture = XDocument.Parse(ComparisonChart.Svg([Reached, Missed, Shown]));

        XElement[] lines = [.. Named(picture, "rect").Skip(1)];
        double[] widths = [.. lines.Select(line => double.Parse(line.Attribute("width")!.Value, CultureInfo.InvariantCulture))];
        Assert.Equal(2, lines.Length);
        Assert.Equal(0.9 / 0.85 / (3.0 / 4.0), widths[0] / widths[1], 2);
        Assert.NotEqual(lines[0].Attribute("fill")!.Value, lines[1].Attribute("fill")!.Value);
        Assert.Contains(Named(picture, "text"), text => text.Value == "tiny <model>");
        Assert.DoesNotContain(Named(picture, "text"), text => text.Value == "bytes");
    }

    [Fact]
    public void Svg_FarBeyondItsBar_CutAtTheEdge()
    {
        string far = ComparisonChart.Svg([Reached with { Result = Spread.Of([85]) }]);
        string farther = ComparisonChart.Svg([Reached with { Result = Spread.Of([850]) }]);

        Assert.Equal(Length(far), Length(farther));

        static string Length(string svg) => Named(XDocument.Parse(svg), "rect").Last().Attribute("width")!.Value;
    }

    private static IEnumerable<XElement> Named(XDocument picture, string name) => picture.Descendants().Where(element => element.Name.LocalName == name);
}
