using System.Net;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Outputs that are maps or sequences, taken apart into tensors.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class InferStructuredOutputTests(OpenInferenceHost host)
{
    private const string TwoRows = """{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[0.25,0.75,0.9,0.1]}]%}""";

    [Theory]
    [InlineData("zipmap", "BYTES", "[\"dög\",\"cat\"]", "[\"cat\",\"dög\"]", "[0.25,0.75,0.9,0.1]")]
    [InlineData("zipmap_numbers", "INT64", "[-8,7]", "[-8,7]", "[0.75,0.25,0.1,0.9]")]
    public async Task Infer_Maps_AreValuesAndLabels(string model, string labelType, string best, string labels, string values)
    {
        InferReply reply = await host.Gateway.InferAsync(model, TwoRows.Replace("%", "", StringComparison.Ordinal));

        // The runtime keeps a map in the order of its labels; values and labels agree in theirs.
        Assert.Equal(["label", "scores", "scores.labels"], reply.OutputNames);
        Assert.Equal(best, reply.Data("label"));
        Assert.Equal(("FP32", "[2,2]", values), (reply.Datatype("scores"), reply.Shape("scores"), reply.Data("scores")));
        Assert.Equal((labelType, "[2]", labels), (reply.Datatype("scores.labels"), reply.Shape("scores.labels"), reply.Data("scores.labels")));
    }

    [Fact]
    public async Task Infer_PartsOfAMap_CanBeAskedForAlone()
    {
        InferReply labels = await host.Gateway.InferAsync("zipmap", Asking("""[{"name":"scores.labels"}]"""));
        InferReply turned = await host.Gateway.InferAsync("zipmap", Asking("""[{"name":"scores.labels"},{"name":"label"},{"name":"scores","parameters":{"binary_data":true}}]"""));

        Assert.Equal(["scores.labels"], labels.OutputNames);
        Assert.Equal(["scores.labels", "label", "scores"], turned.OutputNames);
        Assert.Equal(InferCalls.Floats(0.25f, 0.75f, 0.9f, 0.1f), turned.Bytes("scores"));
    }

    [Fact]
    public async Task Infer_Sequence_IsOneTensorAnElement()
    {
        InferReply all = await host.Gateway.InferAsync("split", TwoRows.Replace("%", "", StringComparison.Ordinal));
        InferReply asked = await host.Gateway.InferAsync("split", Asking("""[{"name":"parts","parameters":{"binary_data":true}}]"""));

        Assert.Equal(["parts.0", "parts.1"], all.OutputNames);
        Assert.Equal(("[1,2]", "[0.25,0.75]"), (all.Shape("parts.0"), all.Data("parts.0")));
        Assert.Equal("[0.9,0.1]", all.Data("parts.1"));
        Assert.Equal(InferCalls.Floats(0.9f, 0.1f), asked.Bytes("parts.1"));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(""","parameters":{"binary_data_output":true}""", true)]
    public async Task Infer_EmptySequence_HasNoOutputsInTheFormAskedFor(string rest, bool binary)
    {
        InferReply reply = await host.Gateway.InferAsync("split", $$"""{"inputs":[{"name":"x","shape":[0,2],"datatype":"FP32","data":[]}]{{rest}}}""");

        Assert.Equal((HttpStatusCode.OK, "[]"), (reply.Status, reply.Root.GetProperty("outputs").GetRawText()));
        Assert.Equal(binary ? reply.BodyLength : null, reply.HeaderLength);
    }

    [Fact]
    public async Task Infer_ElementOfASequence_CannotBeAskedForAlone()
    {
        InferReply reply = await host.Gateway.InferAsync("split", Asking("""[{"name":"parts.0"}]"""));

        Assert.Equal((HttpStatusCode.BadRequest, "The model has no output 'parts.0'. Did you mean 'parts'? Its outputs are 'parts'."), (reply.Status, reply.Error));
    }

    private static string Asking(string outputs) => TwoRows.Replace("%", ",\"outputs\":" + outputs, StringComparison.Ordinal);
}
