using System.Buffers;
using System.Buffers.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Native;

/// <summary>
/// Writes the answer of the native dialect: <c>{"model":"iris","version":"1","outputs":{"name":nested array, ...}}</c>. A map is
/// an object of label and value, a sequence is an array.
/// </summary>
internal static class NativeResponseWriter
{
    /// <summary>Why the response cannot be written; null if it can. Ask before the status line is out.</summary>
    public static PredictError? Check(PredictResponse response)
    {
        // By index: an enumerator of an interface is an object for each request.
        for (int i = 0; i < response.Outputs.Count; i++)
        {
            OutputValue output = response.Outputs[i];
            if (!(output.Kind == OutputKind.TensorSequence ? output.Tensors.All(static tensor => JsonTensorWriter.CanNest(tensor.Shape)) : JsonTensorWriter.CanNest(output.Values.Shape)))
            {
                return new PredictError(
                    PredictErrorKind.ModelRefused,
                    $"Output '{output.Name}' has a shape that cannot be written as nested JSON arrays; ask for it over /v2 with binary_data.");
            }
        }

        return null;
    }

    /// <summary>Writes a response that <see cref="Check"/> has passed; flushing the writer is the caller's.</summary>
    public static void Write(IBufferWriter<byte> to, PredictResponse response)
    {
        var output = new JsonOutput(to);
        output.Write("{\"model\":"u8);
        JsonStringWriter.Write(ref output, response.Servable.Model);
        output.Write(",\"version\":\""u8);
        Utf8Formatter.TryFormat(response.Servable.Version, output.Reserve(JsonNumbers.Longest), out int length);
        output.Advance(length);
        output.Write("\",\"outputs\":{"u8);
        for (int i = 0; i < response.Outputs.Count; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            JsonStringWriter.Write(ref output, response.Outputs[i].Name);
            output.Write((byte)':');
            WriteValue(ref output, response.Outputs[i]);
        }

        output.Write("}}"u8);
        output.Flush();
    }

    private static void WriteValue(ref JsonOutput output, OutputValue value)
    {
        switch (value.Kind)
        {
            case OutputKind.Map:
                JsonMapWriter.WriteMap(ref output, value.Labels!, value.Values, NonFiniteStyle.Quoted);
                break;
            case OutputKind.MapSequence:
                JsonMapWriter.WriteMaps(ref output, value.Labels!, value.Values, NonFiniteStyle.Quoted);
                break;
            case OutputKind.TensorSequence:
                WriteSequence(ref output, value.Tensors);
                break;
            default:
                JsonTensorWriter.WriteNested(ref output, value.Values, NonFiniteStyle.Quoted);
                break;
        }
    }

    private static void WriteSequence(ref JsonOutput output, IReadOnlyList<Tensor> tensors)
    {
        output.Write((byte)'[');
        for (int i = 0; i < tensors.Count; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            JsonTensorWriter.WriteNested(ref output, tensors[i], NonFiniteStyle.Quoted);
        }

        output.Write((byte)']');
    }
}
