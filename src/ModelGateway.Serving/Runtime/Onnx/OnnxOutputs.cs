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
        var table = new LabelTable(spec);
        table.AddRow(value, ReadTensor);
        using Tensor rows = table.ToValues();
        return OutputValue.FromMaps(
            name, spec.Kind, table.ToLabels(), new Tensor(rows.Type, [rows.Shape[1]], Copy(rows)));
    }

    private static OutputValue ReadMaps(string name, OrtValue value, OutputSpec spec)
    {
        var table = new LabelTable(spec);
        int rows = value.GetValueCount();
        for (int i = 0; i < rows; i++)
        {
            using OrtValue row = value.GetValue(i, OrtAllocator.DefaultInstance);
            table.AddRow(row, ReadTensor);
        }

        return OutputValue.FromMaps(name, spec.Kind, table.ToLabels(), table.ToValues());
    }

    private static TensorBuffer Copy(Tensor tensor)
    {
        TensorBuffer buffer = TensorBuffer.Rent(tensor.Data.Length);
        tensor.Data.CopyTo(buffer.Span);
        return buffer;
    }
}
