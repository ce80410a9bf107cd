using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Copies native outputs into managed memory, so that nothing native outlives the run.</summary>
internal static class OnnxOutputs
{
    /// <summary>The output as managed memory; the native value stays the caller's.</summary>
    public static OutputValue Read(string name, OrtValue value, OutputSpec spec) => spec.Kind switch
    {
        OutputKind.Tensor => OutputValue.FromTensor(name, ReadTensor(value)),
        OutputKind.TensorSequence => OutputValue.FromSequence(name, ReadSequence(value)),
        OutputKind.Map => ReadMap(name, value, spec),
        _ => ReadMaps(name, value, spec),
    };

    private static Tensor ReadTensor(OrtValue value)
    {
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        if (!OnnxTypes.TryToTensorType(info.ElementDataType, out TensorType type))
        {
            throw new ModelRunException($"The run produced elements of type {info.ElementDataType}, which cannot be answered.", inputAtFault: false);
        }

        if (type == TensorType.Bytes)
        {
            return ReadStrings(value, info);
        }

        if (info.ElementCount > Array.MaxLength / type.ElementSize())
        {
            throw TooLarge(null);
        }

        Span<byte> native = info.ElementCount == 0 ? [] : value.GetTensorMutableRawData();
        TensorBuffer buffer = TensorBuffer.Rent(native.Length);
        native.CopyTo(buffer.Span);
        return new Tensor(type, info.Shape, buffer);
    }

    private static Tensor ReadStrings(OrtValue value, OrtTensorTypeAndShapeInfo info)
    {
        const int BytesAString = 16;
        const int LargestStart = 1 << 20;
        using var writer = new BytesWriter((int)Math.Min(info.ElementCount * BytesAString, LargestStart));
        try
        {
            for (int i = 0; i < info.ElementCount; i++)
            {
                writer.Append(value.GetStringElementAsSpan(i));
            }
        }
        catch (OverflowException exception)
        {
            throw TooLarge(exception);
        }

        return new Tensor(TensorType.Bytes, info.Shape, writer.Detach());
    }

    // The request is the cause: another one may have a smaller answer, the same one has not.
    private static ModelRunException TooLarge(Exception? exception) =>
        new("An output is larger than 2 GiB, which is more than can be answered.", inputAtFault: true, exception);

    private static List<Tensor> ReadSequence(OrtValue value)
    {
        int count = value.GetValueCount();
        var tensors = new List<Tensor>(count);
        try
        {
            for (int i = 0; i < count; i++)
            {
                using OrtValue element = value.GetValue(i, OrtAllocator.DefaultInstance);
                tensors.Add(ReadTensor(element));
            }

            return tensors;
        }
        catch
        {
            tensors.ForEach(tensor => tensor.Dispose());
            throw;
        }
    }

    private static OutputValue ReadMap(string name, OrtValue value, OutputSpec spec)
    {
        (Tensor labels, Tensor values) = ReadEntries(value);
        return OutputValue.FromMaps(name, spec.Kind, labels, values);
    }

    private static OutputValue ReadMaps(string name, OrtValue value, OutputSpec spec)
    {
        using var rows = new MapRows(spec);
        int count = value.GetValueCount();
        for (int i = 0; i < count; i++)
        {
            using OrtValue row = value.GetValue(i, OrtAllocator.DefaultInstance);
            (Tensor labels, Tensor values) = ReadEntries(row);
            rows.Add(labels, values);
        }

        (Tensor allLabels, Tensor allValues) = rows.ToTable();
        return OutputValue.FromMaps(name, spec.Kind, allLabels, allValues);
    }

    private static (Tensor Labels, Tensor Values) ReadEntries(OrtValue map)
    {
        using OrtValue keys = map.GetValue(0, OrtAllocator.DefaultInstance);
        using OrtValue values = map.GetValue(1, OrtAllocator.DefaultInstance);
        Tensor labels = ReadTensor(keys);
        try
        {
            return (labels, ReadTensor(values));
        }
        catch
        {
            labels.Dispose();
            throw;
        }
    }
}
