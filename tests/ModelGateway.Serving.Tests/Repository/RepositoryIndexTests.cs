using System.Globalization;
using System.Text;
using ModelGateway.Serving.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public class RepositoryIndexTests
{
    private static readonly string Sha = new('a', 64);
    private static readonly DateTimeOffset Written = new(2026, 11, 26, 15, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Parse_Example_IsEveryObjectWithItsDigestAsTagAndChecksum()
    {
        StoredObject item = Assert.Single(Parse(
            $$"""{"generated":"2026-11-26T15:00:01Z","objects":[{"key":"iris/1/model.onnx","size":692,"sha256":"{{Sha.ToUpperInvariant()}}","modified":"2026-11-26T14:00:00Z"}]}"""));

        Assert.Equal(
            new StoredObject("iris/1/model.onnx", 692, Sha, Written.AddHours(-1)) { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, Sha) },
            item);
    }

    [Theory]
    [InlineData("""{"objects":[]}""", 0)]
    [InlineData("""{"objects":[],"purpose":{"objects":[1]},"more":null}""", 0)]
    [InlineData("\uFEFF{\"objects\":[]}", 0)]
    [InlineData("""{"objects":[{"key":"a","size":0,"sha256":"SHA","etag":"x"}]}""", 1)]
    [InlineData("""{"objects":[{"key":"index.json","size":0,"sha256":"SHA"},{"key":"iris/index.json","size":0,"sha256":"SHA"}]}""", 1)]
    public void Parse_WhatItNeedNotKnow_IsPassedOver(string json, int count)
    {
        Assert.Equal(count, Parse(json.Replace("SHA", Sha, StringComparison.Ordinal)).Count);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("""
        "generated":"2026-11-26T17:00:05+02:00",
        """, 5)]
    public void Parse_EntryWithoutTime_HasThatOfTheIndex(string generated, int seconds)
    {
        StoredObject item = Assert.Single(Parse($$"""{ {{generated}} "objects":[{"key":"a","size":1,"sha256":"{{Sha}}"}]}"""));

        Assert.Equal(Written.AddSeconds(seconds), item.LastModified);
    }

    [Theory]
    [InlineData("", "was cut")]
    [InlineData("null", "is null")]
    [InlineData("[]", "is not an index")]
    [InlineData("{}", "no list 'objects'")]
    [InlineData("""{"objects":null}""", "no list 'objects'")]
    [InlineData("""{"Objects":[]}""", "no list 'objects'")]
    [InlineData("""{"objects":[{"key":"a","size":1,"sha""", "was cut")]
    [InlineData("""{"objects":[]} more""", "is not an index")]
    [InlineData("""{"objects":[],"objects":[]}""", "is not an index")]
    [InlineData("""{"objects":[null]}""", "object 0 has no key")]
    [InlineData("""{"objects":[{"size":1,"sha256":"SHA"}]}""", "object 0 has no key")]
    [InlineData("""{"objects":[{"key":"a","sha256":"SHA"}]}""", "object 0, 'a', has no size")]
    [InlineData("""{"objects":[{"key":"a","size":-1,"sha256":"SHA"}]}""", "object 0, 'a', has no size")]
    [InlineData("""{"objects":[{"key":"a","size":1.5,"sha256":"SHA"}]}""", "$.objects[0].size")]
    [InlineData("""{"objects":[{"key":"a","size":99999999999999999999,"sha256":"SHA"}]}""", "$.objects[0].size")]
    [InlineData("""{"objects":[{"key":"a","size":"1","sha256":"SHA"}]}""", "$.objects[0].size")]
    [InlineData("""{"objects":[{"key":"a","size":1}]}""", "object 0, 'a', has no sha256")]
    [InlineData("""{"objects":[{"key":"a","size":1,"sha256":"abc"}]}""", "object 0, 'a', has no sha256")]
    [InlineData("""{"objects":[{"key":"a","size":1,"sha256":"gSHA"}]}""", "object 0, 'a', has no sha256")]
    [InlineData("""{"objects":[{"key":"a","size":1,"sha256":"SHA","modified":"yesterday"}]}""", "$.objects[0].modified")]
    [InlineData("""{"objects":[{"key":"b","size":1,"sha256":"SHA"},{"key":"../secret","size":1,"sha256":"SHA"}]}""", "object 1 has the key '../secret'")]
    [InlineData("""{"objects":[{"key":"/etc/passwd","size":1,"sha256":"SHA"}]}""", "'/etc/passwd'")]
    [InlineData("""{"objects":[{"key":"iris\\1","size":1,"sha256":"SHA"}]}""", "'iris\\1'")]
    [InlineData("""{"objects":[{"key":"iris/.git","size":1,"sha256":"SHA"}]}""", "'iris/.git'")]
    [InlineData("""{"objects":[{"key":"","size":1,"sha256":"SHA"}]}""", "object 0 has the key ''")]
    [InlineData("""{"objects":[{"key":"a","size":1,"sha256":"SHA"},{"key":"a","size":1,"sha256":"SHA"}]}""", "object 1 names 'a' a second time")]
    public void Parse_Fault_IsAFormatExceptionThatTellsWhere(string json, string expected)
    {
        FormatException exception = Assert.Throws<FormatException>(() => Parse(json.Replace("SHA", Sha, StringComparison.Ordinal)));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("index.json", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_TooLarge_IsRefusedUnread()
    {
        FormatException exception = Assert.Throws<FormatException>(() => RepositoryIndex.Parse(new byte[RepositoryIndex.LargestSize + 1], Written));

        Assert.Contains($"{RepositoryIndex.LargestSize}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ThenParse_IsTheSame()
    {
        StoredObject[] objects = [Object("iris/1/with space ünï🙂\"+.bin", 3_000_000_000), Object("a/1/model.onnx", 0), Object("B", 5)];

        byte[] index = Write(objects, Written);

        Assert.Equal(objects.OrderBy(item => item.Key, StringComparer.Ordinal), RepositoryIndex.Parse(index, DateTimeOffset.UnixEpoch));
        Assert.StartsWith("""{"generated":"2026-11-26T15:00:00Z","objects":[{"key":"B","size":5,""", Encoding.UTF8.GetString(index), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_SameObjectsInAnyOrder_IsTheSameBytes()
    {
        Assert.Equal(Write([Object("a", 1), Object("b", 2)]), Write([Object("b", 2), Object("a", 1), Object("index.json", 7)]));
    }

    [Fact]
    public void Write_TwoHundredThousandObjects_IsReadBack()
    {
        StoredObject[] objects =
        [
            .. Enumerable.Range(0, 200_000).Select(i => Object(string.Create(CultureInfo.InvariantCulture, $"model-with-a-long-name-{i / 10:d6}/{i % 10}/model.onnx"), i)),
        ];

        byte[] index = Write(objects, Written);

        Assert.Equal(objects, RepositoryIndex.Parse(index, Written));
    }

    [Fact]
    public void Write_WhatCouldNotBeReadBack_IsRefused()
    {
        StoredObject[] wrong =
        [
            Object("../secret", 1),
            Object(".hidden", 1),
            Object("a", -1),
            Object("a", 1) with { Checksum = null },
            Object("a", 1) with { Checksum = new ObjectChecksum(ChecksumAlgorithm.Md5, new string('a', 32)) },
            Object("a", 1) with { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, "short") },
        ];

        Assert.All(wrong, item => Assert.Contains($"'{item.Key}'", Assert.Throws<ArgumentException>(() => Write([item])).Message, StringComparison.Ordinal));
        Assert.Throws<ArgumentException>(() => Write([Object("a", 1), Object("a", 2)]));
    }

    private static StoredObject Object(string key, long size) =>
        new(key, size, Sha, Written) { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, Sha) };

    private static byte[] Write(StoredObject[] objects, DateTimeOffset? generated = null)
    {
        using var stream = new MemoryStream();
        RepositoryIndex.Write(stream, objects, generated);
        return stream.ToArray();
    }

    private static IReadOnlyList<StoredObject> Parse(string json) => RepositoryIndex.Parse(Encoding.UTF8.GetBytes(json), Written);
}
