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

        Span<byte> native = info.ElementCount == 0 ? [] : value.GetTensorMutableRawData();
        TensorBuffer buffer = TensorBuffer.Rent(native.Length);
        native.CopyTo(buffer.Span);
        return new Tensor(type, info.Shape, buffer);
    }

    private static Tensor ReadStrings(OrtValue value, OrtTensorTypeAndShapeInfo info)
    {
        int count = checked((int)info.ElementCount);
        using var writer = new BytesWriter(checked(count * 16));
        for (int i = 0; i < count; i++)
        {
            writer.Append(value.GetStringElementAsSpan(i));
        }

        return new Tensor(TensorType.Bytes, info.Shape, writer.Detach());
    }

    private static List<Tensor> ReadSequence(OrtValue value)
    {
        int count = value.GetValueCount();
        var tensors = new List<Tensor>(count);
        for (int i = 0; i < count; i++)
        {
            using OrtValue element = value.GetValue(i, OrtAllocator.DefaultInstance);
            tensors.Add(ReadTensor(element));
        }

        return tensors;
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
