using System.Net;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Every datatype in JSON and in binary, in and out: an identity model hands back what came.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class InferDatatypeTests(OpenInferenceHost host)
{
    public static TheoryData<string> AllTypes => TypedData.AllTypes;

    [Theory]
    [MemberData(nameof(AllTypes))]
    public async Task Infer_JsonInJsonOut_IsTheSame(string type)
    {
        InferReply reply = await host.Gateway.InferAsync($"identity_{type}", Request(type, $"\"data\":{TypedData.Json(type)}", ""));

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal((type, "[3]", TypedData.Json(type)), (reply.Datatype("y"), reply.Shape("y"), reply.Data("y")));
        Assert.Equal("application/json", reply.ContentType);
        Assert.Null(reply.HeaderLength);
        Assert.Equal(reply.BodyLength, reply.ContentLength);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public async Task Infer_JsonInBinaryOut_HasTheBytes(string type)
    {
        InferReply reply = await host.Gateway.InferAsync(
            $"identity_{type}", Request(type, $"\"data\":{TypedData.Json(type)}", ",\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":true}}]"));

        CheckBinary(type, reply);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public async Task Infer_BinaryInJsonOut_HasTheValues(string type)
    {
        byte[] bytes = TypedData.Bytes(type);
        InferReply reply = await host.Gateway.InferAsync(
            $"identity_{type}", InferCalls.Binary(Request(type, $"\"parameters\":{{\"binary_data_size\":{bytes.Length}}}", ""), bytes));

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal((type, "[3]", TypedData.Json(type)), (reply.Datatype("y"), reply.Shape("y"), reply.Data("y")));
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public async Task Infer_BinaryInBinaryOut_HasTheBytes(string type)
    {
        // What the stock client sends where no outputs are named.
        byte[] bytes = TypedData.Bytes(type);
        InferReply reply = await host.Gateway.InferAsync(
            $"identity_{type}",
            InferCalls.Binary(Request(type, $"\"parameters\":{{\"binary_data_size\":{bytes.Length}}}", ",\"parameters\":{\"binary_data_output\":true}"), bytes));

        CheckBinary(type, reply);
    }

    [Theory]
    [MemberData(nameof(AllTypes))]
    public async Task Infer_NoElements_AreAnsweredSo(string type)
    {
        string json = $$"""{"inputs":[{"name":"x","shape":[0],"datatype":"{{type}}","data":[]}]}""";
        string binary = $$$"""{"inputs":[{"name":"x","shape":[0],"datatype":"{{{type}}}","parameters":{"binary_data_size":0}}],"parameters":{"binary_data_output":true}}""";

        InferReply asJson = await host.Gateway.InferAsync($"identity_{type}", json);
        InferReply asBinary = await host.Gateway.InferAsync($"identity_{type}", InferCalls.Binary(binary));

        Assert.Equal(("[0]", "[]"), (asJson.Shape("y"), asJson.Data("y")));
        Assert.Equal("[0]", asBinary.Shape("y"));
        Assert.Empty(asBinary.Bytes("y"));
    }

    private static string Request(string type, string data, string rest) =>
        $$$"""{"inputs":[{"name":"x","shape":[3],"datatype":"{{{type}}}",{{{data}}}}]{{{rest}}}}""";

    private static void CheckBinary(string type, InferReply reply)
    {
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal("application/octet-stream", reply.ContentType);
        Assert.Equal((type, "[3]"), (reply.Datatype("y"), reply.Shape("y")));
        Assert.Equal(TypedData.Bytes(type), reply.Bytes("y"));
        Assert.False(reply.Output("y").TryGetProperty("data", out _));
        Assert.Equal(reply.BodyLength, reply.ContentLength);
        Assert.Equal(reply.BodyLength, reply.HeaderLength + TypedData.Bytes(type).Length);
    }
}
