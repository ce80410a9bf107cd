using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class ObjectKeyTests
{
    [Theory]
    [InlineData('a', 255, true)]
    [InlineData('a', 256, false)]
    [InlineData('漢', 85, true)]
    [InlineData('漢', 86, false)]
    public void IsListed_LongName_IsAsLongAsAFileSystemAllowsInBytes(char letter, int count, bool expected)
    {
        string name = new(letter, count);

        Assert.Equal(expected, ObjectKey.IsListed($"iris/1/{name}"));
        Assert.Equal(expected, ObjectKey.IsListed($"{name}/1/model.onnx"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("a/")]
    [InlineData("/a")]
    [InlineData("a//b")]
    [InlineData("../a")]
    [InlineData("a/./b")]
    [InlineData("a/.hidden")]
    [InlineData("a\\b")]
    [InlineData("c:b")]
    [InlineData("a\nb")]
    public void IsListed_NoPlainRelativePath_IsNot(string key) => Assert.False(ObjectKey.IsListed(key));
}
