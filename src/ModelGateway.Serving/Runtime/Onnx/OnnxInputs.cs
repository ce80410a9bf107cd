using System.Buffers;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// The inputs of one run as native values. Numbers are read by ONNX Runtime in place, from pinned managed memory; strings are
/// copied, because it keeps them as objects of its own. Dispose it as soon as the run is over: then the pins are lifted.
/// </summary>
internal sealed class OnnxInputs : IDisposable
{
    private readonly MemoryHandle[] _pins;

    public OnnxInputs(IReadOnlyList<NamedTensor> inputs)
    {
        _pins = new MemoryHandle[inputs.Count];
        Names = new string[inputs.Count];
        Values = new OrtValue[inputs.Count];
        try
        {
            for (int i = 0; i < inputs.Count; i++)
            {
                Names[i] = inputs[i].Name;
                Values[i] = CreateValue(inputs[i].Tensor, out _pins[i]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string[] Names { get; }

    public OrtValue[] Values { get; }

    public void Dispose()
    {
        for (int i = 0; i < Values.Length; i++)
        {
            // A null is possible when making one of them failed.
            Values[i]?.Dispose();
            _pins[i].Dispose();
        }
    }

    private static OrtValue CreateValue(Tensor tensor, out MemoryHandle pin)
    {
        pin = default;
        if (tensor.Type == TensorType.Bytes)
        {
            return CreateStrings(tensor);
        }

        if (tensor.ElementCount == 0)
        {
            // There is no first byte to point to.
            return OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, OnnxTypes.ToElementType(tensor.Type), tensor.Shape);
        }

        pin = tensor.Memory.Pin();
        unsafe
        {
            return OrtValue.CreateTensorValueWithData(
                OrtMemoryInfo.DefaultInstance, OnnxTypes.ToElementType(tensor.Type), tensor.Shape, (IntPtr)pin.Pointer, tensor.Data.Length);
        }
    }

    private static OrtValue CreateStrings(Tensor tensor)
    {
        OrtValue value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, tensor.Shape);
        try
        {
            int index = 0;
            foreach (ReadOnlySpan<byte> element in tensor.ReadBytes())
            {
                if (!element.IsEmpty)
                {
                    value.StringTensorSetElementAt(element, index);
                }

                index++;
            }

            return value;
        }
        catch
        {
            value.Dispose();
            throw;
        }
    }
}
