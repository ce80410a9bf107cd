using System.Text;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public class VersionManifestTests
{
    private const string Sum = "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789";

    [Fact]
    public void Parse_WhatPublishersWrite_IsRead()
    {
        VersionManifest manifest = VersionManifest.Parse(RepositoryFolder.Manifest(("model.onnx", [1, 2]), ("golden/one.json", [])));

        Assert.Equal([("model.onnx", 2), ("golden/one.json", 0)], manifest.Files.Select(file => (file.Name, file.Size)));
        Assert.All(manifest.Files, file => Assert.Equal(64, file.Sha256.Length));
    }

    [Theory]
    [InlineData("""{"comment":"x","files":[{"name":"model.onnx","size":1,"sha256":"S","more":[1]}]}""")]
    [InlineData("""{"files":[{"sha256":"S","size":9223372036854775807,"name":"model.onnx"}]}""")]
    public void Parse_UnknownKeysAndAnyOrder_AreRead(string json)
    {
        Assert.Equal("model.onnx", Assert.Single(Parse(json).Files).Name);
    }

    [Theory]
    [InlineData("", "is not a manifest")]
    [InlineData("null", "names no files")]
    [InlineData("{}", "names no files")]
    [InlineData("""{"files":[]}""", "names no files")]
    [InlineData("""{"files":null}""", "names no files")]
    [InlineData("[]", "is not a manifest")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":"S"}""", "is not a manifest")]
    [InlineData("""{"files":[null]}""", "is not a manifest")]
    [InlineData("""{"files":["model.onnx"]}""", "is not a manifest")]
    [InlineData("""{"files":[{"size":1,"sha256":"S"}]}""", "is not a manifest")]
    [InlineData("""{"files":[{"name":null,"size":1,"sha256":"S"}]}""", "is not a manifest")]
    [InlineData("""{"files":[{"name":"model.onnx","size":"1","sha256":"S"}]}""", "is not a manifest")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1.5,"sha256":"S"}]}""", "is not a manifest")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1}]}""", "is not a manifest")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":""}]}""", "no SHA-256 for 'model.onnx'")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":"zzz3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}]}""", "no SHA-256 for 'model.onnx'")]
    [InlineData("""{"files":[{"name":"","size":1,"sha256":"S"}]}""", "outside its folder")]
    [InlineData("""{"files":[{"name":"../model.onnx","size":1,"sha256":"S"}]}""", "outside its folder")]
    [InlineData("""{"files":[{"name":"/etc/passwd","size":1,"sha256":"S"}]}""", "outside its folder")]
    [InlineData("""{"files":[{"name":"a//b","size":1,"sha256":"S"}]}""", "outside its folder")]
    [InlineData("""{"files":[{"name":"a/./b","size":1,"sha256":"S"}]}""", "outside its folder")]
    [InlineData("""{"files":[{"name":"a\\..\\b","size":1,"sha256":"S"}]}""", "outside its folder")]
    [InlineData("""{"files":[{"name":"labels.txt","size":1,"sha256":"S"}]}""", "does not name model.onnx")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":"S"},{"name":"model.onnx","size":1,"sha256":"S"}]}""", "names 'model.onnx' twice")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":"S"},{"name":"manifest.json","size":1,"sha256":"S"}]}""", "names itself")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":"S"},{"name":"manifest.json.sig","size":1,"sha256":"S"}]}""", "names itself or its signature")]
    [InlineData("""{"files":[{"name":"model.onnx","size":1,"sha256":"S"},{"name":"model.onnx.enc","size":1,"sha256":"S"}]}""", "names both")]
    [InlineData("""{"model":1,"files":[{"name":"model.onnx","size":1,"sha256":"S"}]}""", "is not a manifest")]
    [InlineData("""{"version":"1","files":[{"name":"model.onnx","size":1,"sha256":"S"}]}""", "is not a manifest")]
    public void Parse_WhatIsNoManifest_SaysWhy(string json, string reason)
    {
        FormatException exception = Assert.Throws<FormatException>(() => Parse(json));

        Assert.Contains("manifest.json", exception.Message, StringComparison.Ordinal);
        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("iris", 3L)]
    public void Format_ThenParse_IsTheSame(string? model, long? version)
    {
        VersionManifest manifest = VersionManifest.Parse(VersionManifest.Format(model, version, [new ManifestFile("model.onnx.enc", 5, Sum)]));

        Assert.Equal((model, version), (manifest.Model, manifest.Version));
        Assert.Equal(new ManifestFile("model.onnx.enc", 5, Sum), Assert.Single(manifest.Files));
    }

    [Fact]
    public void Parse_DeeplyNested_IsRefused()
    {
        Assert.Throws<FormatException>(() => Parse("""{"files":""" + new string('[', 100_000)));
    }

    private static VersionManifest Parse(string json) => VersionManifest.Parse(Encoding.UTF8.GetBytes(json.Replace("\"S\"", $"\"{Sum}\"", StringComparison.Ordinal)));
}
