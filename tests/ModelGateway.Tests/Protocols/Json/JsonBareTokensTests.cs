using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json;

public sealed class JsonBareTokensTests
{
    [Theory]
    [InlineData("[NaN]", "[\"a\"]")]
    [InlineData("[Infinity]", "[\"nfinit\"]")]
    [InlineData("[-Infinity]", "[\"Infinit\"]")]
    [InlineData("{\"a\": NaN }", "{\"a\": \"a\" }")]
    [InlineData("[1,NaN,\n-Infinity\t,Infinity]", "[1,\"a\",\n\"Infinit\"\t,\"nfinit\"]")]
    [InlineData("[\"NaN\",NaN]", "[\"NaN\",\"a\"]")]
    [InlineData("[\"a\\\"b,NaN,\",NaN]", "[\"a\\\"b,NaN,\",\"a\"]")]
    [InlineData("[\"\\\\\",NaN]", "[\"\\\\\",\"a\"]")]
    [InlineData("[NaN,[NaN],{\"NaN\":NaN}]", "[\"a\",[\"a\"],{\"NaN\":\"a\"}]")]
    public void Quote_TokenWhereAValueStands_IsQuotedInPlace(string json, string quoted)
    {
        using TensorBuffer? copy = JsonBareTokens.Quote(Encoding.UTF8.GetBytes(json));
        Assert.Equal(quoted, Encoding.UTF8.GetString(copy!.Span));
        Assert.Equal(json.Length, copy.Length);
    }

    [Theory]
    [InlineData("[1,2]")]
    [InlineData("[\"NaN\",\" Infinity\",\",NaN,\"]")]
    [InlineData("{\"NaN\":1}")]
    [InlineData("{NaN:1}")]
    [InlineData("[xNaN,NaNx,NaN1,1NaN,NaNNaN,NaN NaN,--Infinity,+Infinity,- Infinity,-NaN]")]
    [InlineData("[nan,NAN,inf,Inf,INFINITY]")]
    [InlineData("NaN")]
    [InlineData("[NaN")]
    [InlineData("NaN]")]
    [InlineData("\"NaN")]
    [InlineData("\"\\\",NaN,")]
    [InlineData("[\"NaN\\")]
    [InlineData("-Infinity")]
    [InlineData("[N,I,Na,Infinit]NaN")]
    public void Quote_AnythingElse_IsLeftAlone(string json) => Assert.Null(JsonBareTokens.Quote(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void ReadNested_ManyBareTokens_AreReadAtTheirPlaces()
    {
        string row = string.Join(" , ", Enumerable.Range(0, 1000).Select(i => (i % 4) switch { 0 => "NaN", 1 => "-Infinity", 2 => "Infinity", _ => "0.5" }));
        using Tensor tensor = JsonReading.Tensor($"[{row}]", TensorType.Fp32);
        for (int i = 0; i < 1000; i++)
        {
            float expected = (i % 4) switch { 0 => float.NaN, 1 => float.NegativeInfinity, 2 => float.PositiveInfinity, _ => 0.5f };
            Assert.Equal(expected, tensor.AsSpan<float>()[i]);
        }
    }

    // What stands for a bare token inside is an ordinary string to the caller.
    [Fact]
    public void ReadNested_StringsThatLookLikeThePlaceholders_AreStrings()
    {
        using Tensor texts = JsonReading.Tensor("[\"a\",\"nfinit\",\"Infinit\"]", TensorType.Bytes);
        Assert.Equal(["a", "nfinit", "Infinit"], texts.ToStrings());
        Assert.Equal("a string", JsonReading.Fault("[NaN,\"a\"]", TensorType.Fp32).Got);
        Assert.Equal("a string", JsonReading.Fault("[-Infinity,\"Infinit\"]", TensorType.Fp32).Got);
    }
}
