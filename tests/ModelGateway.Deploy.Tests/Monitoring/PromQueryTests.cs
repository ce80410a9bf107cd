using Xunit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The reader of queries finds what the other tests hold against the gateway.</summary>
public sealed class PromQueryTests
{
    [Theory]
    [InlineData("up == 0", "up()", "")]
    [InlineData("""sum by (le, model) (rate(a_bucket{job=~"x{y}",le!="1"}[5m])) / 2.5e3""", "a_bucket(job,le)", "le,model")]
    [InlineData("time() - max(a{b=\"c and d\"}) > 300 or on(e) group_left(f) g:h offset 5m unless vector(1)", "a(b),g:h()", "e,f")]
    [InlineData("(a > 0.9 * b and increase(c[30m]) > 5) or topk(10, max by (x) (d))", "a(),b(),c(),d()", "x")]
    public void Query_IsRead(string text, string selectors, string grouping)
    {
        var query = new PromQuery(text);

        Assert.Equal(selectors, string.Join(",", query.Selectors.Select(selector => $"{selector.Metric}({string.Join(",", selector.Labels)})")));
        Assert.Equal(grouping, string.Join(",", query.GroupingLabels));
    }
}
