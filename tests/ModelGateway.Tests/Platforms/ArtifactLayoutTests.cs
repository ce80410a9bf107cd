using ModelGateway.Platforms;
using ModelGateway.Platforms.Artifacts;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>Where models lie in what a platform puts into the container.</summary>
public sealed class ArtifactLayoutTests
{
    [Theory]
    [InlineData("model.onnx labels.txt model.yaml", "wine/7/model.onnx wine/7/labels.txt wine/model.yaml")]
    [InlineData("model.onnx.enc", "wine/7/model.onnx.enc")]
    [InlineData("3/model.onnx 4/model.onnx model.yaml", "wine/3/model.onnx wine/4/model.onnx wine/model.yaml")]
    [InlineData("iris/1/model.onnx iris/model.yaml digits/2/model.onnx", "iris/1/model.onnx iris/model.yaml digits/2/model.onnx")]
    [InlineData("iris/1/model.onnx", "iris/1/model.onnx")]
    [InlineData("iris/model.onnx iris/weights/a.bin", "iris/7/model.onnx iris/7/weights/a.bin")]
    [InlineData("models/iris/1/model.onnx models/digits/1/model.onnx", "iris/1/model.onnx digits/1/model.onnx")]
    [InlineData("a/b/c/model.onnx other.txt", "c/7/model.onnx -")]
    [InlineData("not a model/model.onnx", "wine/7/model.onnx")]
    [InlineData("readme.txt", "readme.txt")]
    [InlineData("a/readme.txt b/readme.txt", "a/readme.txt b/readme.txt")]
    public void Of_WhateverLiesThere_IsARepository(string keys, string expected) => Check(keys, expected, isOneModel: false);

    [Theory]
    [InlineData("model.onnx", "wine/7/model.onnx")]
    [InlineData("2/model.onnx", "wine/2/model.onnx")]
    [InlineData("iris/1/model.onnx iris/model.yaml code/inference.py", "wine/1/model.onnx wine/model.yaml -")]
    [InlineData("iris/model.onnx", "wine/7/model.onnx")]
    public void Of_OneModel_HasTheNameThatThePlatformGaveIt(string keys, string expected) => Check(keys, expected, isOneModel: true);

    private static void Check(string keys, string expected, bool isOneModel)
    {
        string[] all = keys.Replace("not a model", "not%a%model", StringComparison.Ordinal).Split(' ').Select(key => key.Replace('%', ' ')).ToArray();
        ArtifactLayout layout = ArtifactLayout.Of(all, new PlacedArtifacts("wine", 7), isOneModel);

        Assert.Equal(expected, string.Join(' ', all.Select(key => layout.ToRepository(key) ?? "-")));
        Assert.All(all, key => Assert.True(layout.ToRepository(key) is not { } made || layout.ToStore(made) == key, key));
    }
}
