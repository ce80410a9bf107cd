using System.Text;
using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Json;

/// <summary>Reads one JSON value as a tensor, the way the dialects do, with everything that can go wrong as a fault.</summary>
internal static class JsonReading
{
    /// <summary>The native dialect: the shape follows from the nesting.</summary>
    public static (Tensor? Tensor, FaultList Faults) Nested(string json, TensorType type, long[]? dimensions = null) =>
        Read(json, (ref Utf8JsonReader reader, JsonText text, FaultList faults) =>
            JsonTensorReader.ReadNested(ref reader, text, new TensorSpec("x", type, dimensions), faults));

    /// <summary>The Open Inference Protocol: the shape is given.</summary>
    public static (Tensor? Tensor, FaultList Faults) Data(string json, TensorType type, params long[] shape) =>
        Read(json, (ref Utf8JsonReader reader, JsonText text, FaultList faults) =>
            JsonTensorReader.ReadData(ref reader, text, "x", type, shape, faults));

    /// <summary>The one fault of a value that must have one.</summary>
    public static RequestFault Fault(string json, TensorType type)
    {
        (Tensor? tensor, FaultList faults) = Nested(json, type);
        Assert.Null(tensor);
        return Assert.Single(faults.Faults);
    }

    /// <summary>A tensor that must be readable.</summary>
    public static Tensor Tensor(string json, TensorType type)
    {
        (Tensor? tensor, FaultList faults) = Nested(json, type);
        Assert.Empty(faults.Faults);
        return tensor!;
    }

    public static string Shape(Tensor? tensor) => tensor is null ? "none" : TensorShape.Format(tensor.Shape);

    private delegate Tensor? ReadValue(ref Utf8JsonReader reader, JsonText text, FaultList faults);

    private static (Tensor? Tensor, FaultList Faults) Read(string json, ReadValue read)
    {
        // A value stands in an array here, so that bare tokens may stand for it and what follows it shows where the reader was left.
        var faults = new FaultList();
        using JsonText? text = JsonText.Open(Encoding.UTF8.GetBytes($"[{json},\"after\"]"), faults);
        Assert.NotNull(text);
        Utf8JsonReader reader = text.CreateReader();
        try
        {
            reader.Read();
            reader.Read();
            Tensor? tensor = read(ref reader, text, faults);
            Assert.Equal(tensor is null, !faults.IsEmpty);
            reader.Read();
            Assert.Equal("after", reader.GetString());
            return (tensor, faults);
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(text, exception, faults);
            return (null, faults);
        }
    }
}
