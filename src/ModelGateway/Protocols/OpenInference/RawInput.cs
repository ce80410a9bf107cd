using System.Buffers.Binary;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// The raw mode of the binary extension: the whole body is the data of a model's one input. Its shape is the model's; at most one
/// dimension may be free, and follows from the number of bytes. A BYTES input takes the body as its one element, without a length.
/// </summary>
internal static class RawInput
{
    /// <summary>The input's name and tensor, the caller's to dispose; or null, and the fault says why the body cannot be read so.</summary>
    public static NamedTensor? Read(ReadOnlyMemory<byte> body, ModelSignature signature, FaultList faults)
    {
        List<TensorSpec> required = [.. signature.Inputs.Where(input => !input.Optional)];
        if (required.Count != 1)
        {
            faults.Add(
                InferenceHeader.Name, $"{InferenceHeader.Name} is 0, so the body is the data of one input, but the model needs {required.Count}.", "a model with one input", $"{required.Count} inputs");
            return null;
        }

        TensorSpec input = required[0];
        if (input.Dimensions is null || input.Dimensions.Count(dimension => dimension < 0) > 1)
        {
            faults.Add(
                input.Name,
                $"Input '{input.Name}' is {input.Type.Name()} {input.FormatDimensions()}: with {InferenceHeader.Name} 0 its shape must follow from the number of bytes, so at most one dimension may be free.");
            return null;
        }

        Tensor? tensor = input.Type == TensorType.Bytes ? ReadElement(body.Span, input, faults) : ReadNumbers(body, input, faults);
        return tensor is null ? null : new NamedTensor(input.Name, tensor);
    }

    private static Tensor? ReadNumbers(ReadOnlyMemory<byte> body, TensorSpec input, FaultList faults)
    {
        long rowBytes = TensorShape.CountElements([.. input.Dimensions!.Where(dimension => dimension >= 0)]) * input.Type.ElementSize();
        bool isFree = input.Dimensions!.Contains(-1);
        if (isFree && rowBytes > 0 && body.Length % rowBytes != 0)
        {
            faults.Add(
                input.Name,
                $"Input '{input.Name}' is {input.Type.Name()} {input.FormatDimensions()}, which takes a multiple of {rowBytes} bytes, but the body has {body.Length}.",
                $"a multiple of {rowBytes} bytes",
                $"{body.Length} bytes");
            return null;
        }

        long free = rowBytes == 0 ? 0 : body.Length / rowBytes;
        long[] shape = [.. input.Dimensions!.Select(dimension => dimension < 0 ? free : dimension)];
        return BinaryTensorReader.Read(input.Name, input.Type, shape, body, faults);
    }

    private static Tensor? ReadElement(ReadOnlySpan<byte> body, TensorSpec input, FaultList faults)
    {
        if (input.Dimensions!.Any(dimension => dimension is not (1 or -1)))
        {
            faults.Add(
                input.Name,
                $"Input '{input.Name}' is BYTES {input.FormatDimensions()}: with {InferenceHeader.Name} 0 the body is one element, so the input must have one.", "one element", $"BYTES {input.FormatDimensions()}");
            return null;
        }

        TensorBuffer buffer = TensorBuffer.Rent(sizeof(uint) + body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.Span, (uint)body.Length);
        body.CopyTo(buffer.Span[sizeof(uint)..]);
        return new Tensor(TensorType.Bytes, [.. input.Dimensions!.Select(_ => 1L)], buffer);
    }
}
