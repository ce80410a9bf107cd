using System.Text;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class ColumnNamesTests
{
    private static readonly ColumnNames Columns = new(["sepal length (cm)", "ünï🙂", "b"]);

    [Theory]
    [InlineData("sepal length (cm)", 0)]
    [InlineData("ünï🙂", 1)]
    [InlineData("b", 2)]
    [InlineData("B", -1)]
    [InlineData("", -1)]
    [InlineData("sepal length (cm) and much more than any", -1)]
    public void IndexOf_AnyHint_FindsTheColumn(string name, int index) =>
        Assert.All([-1, 0, 1, 2, 3, int.MaxValue], hint => Assert.Equal(index, Columns.IndexOf(Encoding.UTF8.GetBytes(name), hint)));

    [Fact]
    public void IndexOf_LongName_IsFound()
    {
        string name = new('é', 1000);
        Assert.Equal(1, new ColumnNames(["a", name]).IndexOf(Encoding.UTF8.GetBytes(name), 0));
    }

    [Fact]
    public void IndexOf_NoUtf8_IsNone() => Assert.Equal(-1, Columns.IndexOf([0xFF], 0));

    [Theory]
    [InlineData("", "there must be 1 to 65536 names, but there are 0")]
    [InlineData("a||b", "the name of column 2 is empty")]
    [InlineData("a|b|a", "columns 1 and 3 have the same name")]
    public void Constructor_FaultyNames_SaysWhich(string names, string message) =>
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => new ColumnNames(names.Length == 0 ? [] : names.Split('|'))).Message);
}
