using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.Native;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Native;

/// <summary>Signatures to read bodies against, and the reading itself.</summary>
internal static class NativeReadings
{
    public static readonly ModelSpec Asked = new("iris", 3);

    public static readonly ModelSignature OneInput = Signature(new TensorSpec("x", TensorType.Fp32, [-1, 2]) { DimensionNames = ["n", ""] });

    public static readonly ModelSignature ManyInputs = Signature(
        new TensorSpec("ids", TensorType.Int64, [-1, -1]),
        new TensorSpec("text", TensorType.Bytes, [-1]),
        new TensorSpec("scale", TensorType.Fp64, [-1]) { Optional = true });

    public static ModelSignature Signature(params TensorSpec[] inputs) => new(
        inputs,
        [new OutputSpec(OutputKind.Tensor, new TensorSpec("label", TensorType.Bytes, [-1])), new OutputSpec(OutputKind.Tensor, new TensorSpec("scores", TensorType.Fp32, [-1, 3]))]);

    public static (PredictRequest? Request, FaultList Faults) Read(byte[] body, ModelSignature signature)
    {
        var faults = new FaultList();
        using JsonText? text = JsonText.Open(body, faults);
        PredictRequest? request = text is null ? null : NativeRequestReader.Read(text, signature, new ModelLimits(), Asked, faults);
        Assert.Equal(request is null, !faults.IsEmpty);
        return (request, faults);
    }

    public static (PredictRequest? Request, FaultList Faults) Read(string body, ModelSignature signature) => Read(Encoding.UTF8.GetBytes(body), signature);

    public static PredictRequest Request(string body, ModelSignature signature)
    {
        (PredictRequest? request, FaultList faults) = Read(body, signature);
        Assert.Empty(faults.Faults);
        return request!;
    }

    public static string[] Faults(string body, ModelSignature signature)
    {
        (PredictRequest? request, FaultList faults) = Read(body, signature);
        request?.Dispose();
        return [.. faults.Faults.Select(fault => fault.Message)];
    }

    /// <summary><c>x FP32 [1, 2]: 1 2</c></summary>
    public static string Describe(PredictRequest request) => string.Join("; ", request.Inputs.Select(input =>
        $"{input.Name} {input.Tensor.Type.Name()} {TensorShape.Format(input.Tensor.Shape)}: {string.Join(' ', Elements(input.Tensor))}"));

    private static IEnumerable<object> Elements(Tensor tensor) => tensor.Type switch
    {
        TensorType.Fp32 => tensor.AsSpan<float>().ToArray().Cast<object>(),
        TensorType.Fp64 => tensor.AsSpan<double>().ToArray().Cast<object>(),
        TensorType.Int64 => tensor.AsSpan<long>().ToArray().Cast<object>(),
        _ => tensor.ToStrings(),
    };
}
