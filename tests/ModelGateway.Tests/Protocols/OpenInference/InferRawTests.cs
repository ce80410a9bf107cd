using System.Net;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>The header's value 0: the body is the data of the one input, and the answer is binary.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class InferRawTests(OpenInferenceHost host)
{
    [Theory]
    [InlineData("fixed", 4, "[2,2]")]
    [InlineData("mlp", 8, "[2,3]")]
    [InlineData("scalar", 1, "[]")]
    [InlineData("optional", 2, "[1,2]")]
    [InlineData("identity_FP32", 0, "[0]")]
    public async Task Infer_FreeDimension_FollowsFromTheBytes(string model, int floats, string shape)
    {
        InferReply reply = await RawAsync(model, InferCalls.Floats([.. Enumerable.Repeat(1f, floats)]));

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal("application/octet-stream", reply.ContentType);
        Assert.Equal(shape, reply.Root.GetProperty("outputs")[0].GetProperty("shape").GetRawText());
        Assert.True(reply.Root.GetProperty("outputs")[0].GetProperty("parameters").TryGetProperty("binary_data_size", out _));
    }

    [Fact]
    public async Task Infer_FreeDimensionInTheMiddle_FollowsFromTheBytes()
    {
        byte[] pixels = [.. Enumerable.Range(0, 24).Select(value => (byte)value)];

        InferReply reply = await RawAsync("image", pixels);

        Assert.Equal("[2,4,3]", reply.Shape("y"));
        Assert.Equal(pixels, reply.Bytes("y"));
    }

    [Theory]
    [InlineData("text", "[1,1]")]
    [InlineData("identity_BYTES", "[1]")]
    public async Task Infer_Text_IsOneElementWithoutALength(string model, string shape)
    {
        InferReply reply = await RawAsync(model, Encoding.UTF8.GetBytes("żółć"));

        Assert.Equal(shape, reply.Shape("y"));
        Assert.Equal(InferCalls.Strings("żółć"), reply.Bytes("y"));
    }

    [Theory]
    [InlineData("add", 8, "Input 'x' is FP32 [batch, ?]: with Inference-Header-Content-Length 0 its shape must follow from the number of bytes, so at most one dimension may be free.")]
    [InlineData("any_rank", 8, "Input 'x' is FP32 any shape: with Inference-Header-Content-Length 0 its shape must follow from the number of bytes, so at most one dimension may be free.")]
    [InlineData("sum", 8, "Inference-Header-Content-Length is 0, so the body is the data of one input, but the model needs 2.")]
    [InlineData("none", 0, "Inference-Header-Content-Length is 0, so the body is the data of one input, but the model needs 0.")]
    [InlineData("mlp", 15, "Input 'x' is FP32 [batch, 4], which takes a multiple of 16 bytes, but the body has 15.")]
    [InlineData("mlp", 17, "Input 'x' is FP32 [batch, 4], which takes a multiple of 16 bytes, but the body has 17.")]
    [InlineData("fixed", 12, "Input 'x' is FP32 [2, 2], which takes 16 bytes, but its binary data has 12.")]
    public async Task Infer_ShapeThatCannotBeKnown_IsRefused(string model, int bytes, string error)
    {
        InferReply reply = await RawAsync(model, new byte[bytes]);

        Assert.Equal((HttpStatusCode.BadRequest, error), (reply.Status, reply.Error));
    }

    private async Task<InferReply> RawAsync(string model, byte[] body) => await host.Gateway.InferAsync(model, InferCalls.WithHeader(body, "0"));
}
