using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class RepositoryLocationTests
{
    [Theory]
    [InlineData("s3://bucket/models", "s3://bucket/models/iris/1/model.onnx", true)]
    [InlineData("s3://bucket/models", "s3://bucket/models/index.json", true)]
    [InlineData("s3://bucket/models/", "s3://bucket/models/iris", true)]
    [InlineData("s3://bucket", "s3://bucket/iris/1/model.onnx", true)]
    [InlineData("s3://bucket/models", "s3://bucket/models-of-others/iris", false)]
    [InlineData("s3://bucket/models", "s3://bucket/iris", false)]
    [InlineData("s3://bucket/models", "s3://other/models/iris", false)]
    [InlineData("s3://bucket", "s3://bucket2/iris", false)]
    [InlineData("s3://bucket/models", "gs://bucket/models/iris", false)]
    [InlineData("azblob://account/container/a%20b", "azblob://account/container/a b/iris", true)]
    [InlineData("azblob://account/container/a b", "azblob://account/container/a%20b/iris", true)]
    [InlineData("https://host/path/index.json", "https://host/path/iris/1/model.onnx", true)]
    public void Holds_Object_AtTheBordersOfFolders(string location, string uri, bool expected) => Assert.Equal(expected, RepositoryLocation.Holds(location, uri));

    [Theory]
    [InlineData("s3://bucket/models", "s3://bucket", true)]
    [InlineData("s3://bucket/models", "s3://bucket/models/", true)]
    [InlineData("s3://bucket2/models", "s3://bucket", false)]
    [InlineData("s3://bucket", "s3://bucket/models", false)]
    public void LiesIn_Place_AtTheBordersOfFolders(string location, string place, bool expected) => Assert.Equal(expected, RepositoryLocation.LiesIn(location, place));

    [Theory]
    [InlineData("s3://bucket/models", "iris/3/", "s3://bucket/models/iris/3")]
    [InlineData("https://host/path/index.json", "iris/3/", "https://host/path/iris/3")]
    [InlineData("file:///models", "iris/3", "file:///models/iris/3")]
    [InlineData("mlflow+https://host/base?alias=champion", "iris/3/", "mlflow+https://host/base/iris/3")]
    public void Of_Folder_IsBelowTheRoot(string location, string key, string expected) => Assert.Equal(expected, RepositoryLocation.Of(location, key));
}
