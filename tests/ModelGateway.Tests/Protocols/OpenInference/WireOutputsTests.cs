using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

public sealed class WireOutputsTests
{
    [Fact]
    public void All_LabelsWouldCollide_TakeAnotherName()
    {
        var signature = new ModelSignature([], [Tensor("scores.labels"), Maps("scores"), Tensor("scores.labels_")]);

        Assert.Equal(["scores.labels", "scores", "scores.labels__", "scores.labels_"], WireOutputs.Of(signature).All.Select(output => output.Name));
    }

    [Fact]
    public void All_ElementsWouldCollide_TakeAnotherPrefix()
    {
        var signature = new ModelSignature([], [Tensor("parts.0"), Sequence("parts"), Tensor("other.x"), Sequence("other")]);

        Assert.Equal("parts_.", PrefixOf(signature, "parts"));
        Assert.Equal("other.", PrefixOf(signature, "other"));
    }

    [Fact]
    public void Of_SameSignature_IsMadeOnce()
    {
        var signature = new ModelSignature([], [Tensor("y")]);

        Assert.Same(WireOutputs.Of(signature), WireOutputs.Of(signature));
    }

    private static string PrefixOf(ModelSignature signature, string name) => WireOutputs.Of(signature).All.Single(output => output.Name == name).ElementPrefix;

    private static OutputSpec Tensor(string name) => new(OutputKind.Tensor, new TensorSpec(name, TensorType.Fp32, [-1]));

    private static OutputSpec Maps(string name) =>
        new(OutputKind.MapSequence, new TensorSpec(name, TensorType.Fp32, [-1, -1])) { LabelType = TensorType.Int64 };

    private static OutputSpec Sequence(string name) => new(OutputKind.TensorSequence, new TensorSpec(name, TensorType.Fp32, null));
}
