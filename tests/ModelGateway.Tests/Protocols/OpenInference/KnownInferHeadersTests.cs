using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>The JSON in front of binary tensors that is not read again.</summary>
public sealed class KnownInferHeadersTests
{
    private const string Usual = """
        {"parameters":{"binary_data_output":true,"timeout":5000},"outputs":[{"name":"y"}],"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}},
         {"name":"flag","shape":[1],"datatype":"BOOL","parameters":{"binary_data_size":1}}]}
        """;

    private static readonly byte[] Data = [.. InferCalls.Floats(1.5f, -2), 1];
    private readonly KnownInferHeaders _known = new();
    private readonly ModelSignature _signature = new(
        [new TensorSpec("x", TensorType.Fp32, [-1, 2]), new TensorSpec("flag", TensorType.Bool, [1])],
        [new OutputSpec(OutputKind.Tensor, new TensorSpec("y", TensorType.Fp32, [-1, 2]))]);

    [Fact]
    public void Find_TheSameTwiceInARow_IsKnown()
    {
        Assert.Null(Send(Usual));
        Assert.Null(Send(Usual));
        KnownInferHeader? known = Send(Usual);
        Assert.NotNull(known);

        var faults = new FaultList();
        using var request = new InferRequest();
        Assert.True(known.TryRead(Data, request, faults, out IReadOnlySet<string>? faulty));
        Assert.True(faults.IsEmpty);
        Assert.Null(faulty);
        Assert.Equal(["x", "flag"], request.Prediction.Inputs.Select(input => input.Name));
        Assert.Equal([1.5f, -2f], request.Prediction.Inputs[0].Tensor.AsSpan<float>().ToArray());
        Assert.Equal([1L, 2L], request.Prediction.Inputs[0].Tensor.Shape);
        Assert.Equal([1], request.Prediction.Inputs[1].Tensor.Data.ToArray());
        Assert.Equal("y", Assert.Single(request.Outputs!).Output.Name);
        Assert.Equal(["y"], request.Prediction.Outputs);
        Assert.True(request.IsBinaryByDefault);
        Assert.Equal(TimeSpan.FromMilliseconds(5), request.Prediction.Timeout);
    }

    [Fact]
    public void Find_AnotherInBetween_IsNotKnownYet()
    {
        // All in one place sooner or later: what comes only once must not be kept.
        for (int round = 0; round < 100; round++)
        {
            Assert.Null(Send(Usual.Replace("5000", $"{round + 1}", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("\"x\"", "\"z\"")]
    [InlineData("[1,2]", "[2,2]")]
    [InlineData("5000", "5001")]
    public void Find_OneByteIsAnother_IsNotFound(string old, string other)
    {
        Send(Usual);
        Send(Usual);
        Assert.NotNull(_known.Find(Encoding.UTF8.GetBytes(Usual)));
        Assert.Null(_known.Find(Encoding.UTF8.GetBytes(Usual.Replace(old, other, StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("\"timeout\":5000", "\"timeout\":-1")]
    [InlineData("{\"parameters\"", "{\"id\":\"7\",\"parameters\"")]
    [InlineData(",\"parameters\":{\"binary_data_size\":1}", "")]
    [InlineData("\"parameters\":{\"binary_data_size\":1}", "\"data\":[true]")]
    [InlineData("[1,2]", "[1,3]")]
    public void Keep_FaultsIdsAndInputsInJson_AreReadEachTime(string old, string other)
    {
        string json = Usual.Replace(old, other, StringComparison.Ordinal);
        Assert.NotEqual(Usual, json);
        for (int i = 0; i < 4; i++)
        {
            Assert.Null(Send(json));
        }
    }

    [Fact]
    public void Keep_Long_IsReadEachTime()
    {
        string json = Usual + new string(' ', KnownInferHeaders.LongestKept);
        for (int i = 0; i < 4; i++)
        {
            Assert.Null(Send(json));
        }
    }

    [Fact]
    public void TryRead_OtherLength_DoesNothing()
    {
        Send(Usual);
        Send(Usual);
        var faults = new FaultList();
        using var request = new InferRequest();
        Assert.False(Send(Usual)!.TryRead(new byte[8], request, faults, out _));
        Assert.Empty(request.Prediction.Inputs);
        Assert.Null(request.Outputs);
        Assert.True(faults.IsEmpty);
    }

    // As a request does: what is known, or else it is read and kept if it may be.
    private KnownInferHeader? Send(string json)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(json);
        if (_known.Find(bytes) is { } known)
        {
            return known;
        }

        var faults = new FaultList();
        using var request = new InferRequest();
        using JsonText text = JsonText.Open(bytes, faults)!;
        var reading = new InferReading(text, _signature, request, faults);
        if (InferRequestReader.TryRead(reading))
        {
            _known.Keep(bytes, reading);
        }

        return null;
    }
}
