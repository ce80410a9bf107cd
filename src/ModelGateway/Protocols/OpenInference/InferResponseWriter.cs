using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// Writes an answer: JSON, and behind it the binary tensors in the order in which the JSON lists them.
/// <code>
/// {"model_name":"m","model_version":"3","id":"...","outputs":[
///   {"name":"a","datatype":"FP32","shape":[2],"data":[1.5,NaN]},
///   {"name":"b","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}  8 bytes of b
/// </code>
/// </summary>
internal static class InferResponseWriter
{
    public static PredictError? Write(InferRequest request, PredictResponse response, Servable servable, HttpResponse to, IBufferWriter<byte> body)
    {
        using var answer = new InferAnswer();
        if (answer.Collect(request, response, servable) is { } error)
        {
            return error;
        }

        var output = new JsonOutput(body);
        WriteJson(ref output, request, response, answer);
        output.Flush();
        to.ContentType = "application/json";
        if (answer.IsBinary)
        {
            to.ContentType = "application/octet-stream";
            to.Headers[InferenceHeader.Name] = output.Length.ToString(CultureInfo.InvariantCulture);
            foreach (AnswerTensor tensor in answer.Tensors)
            {
                if (tensor.IsBinary)
                {
                    body.Write(tensor.Tensor.Data);
                }
            }
        }

        return null;
    }

    private static void WriteJson(ref JsonOutput output, InferRequest request, PredictResponse response, InferAnswer answer)
    {
        output.Write("{\"model_name\":"u8);
        JsonStringWriter.Write(ref output, response.Servable.Model);
        output.Write(",\"model_version\":\""u8);
        WriteNumber(ref output, response.Servable.Version);
        output.Write("\""u8);
        if (request.Id is not null)
        {
            output.Write(",\"id\":"u8);
            JsonStringWriter.Write(ref output, request.Id);
        }

        output.Write(",\"outputs\":["u8);
        for (int i = 0; i < answer.Tensors.Count; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            WriteTensor(ref output, answer.Tensors[i]);
        }

        output.Write("]}"u8);
    }

    private static void WriteTensor(ref JsonOutput output, AnswerTensor tensor)
    {
        output.Write("{\"name\":"u8);
        JsonStringWriter.Write(ref output, tensor.Name);
        output.Write(",\"datatype\":"u8);
        JsonStringWriter.Write(ref output, tensor.Tensor.Type.Name());
        output.Write(",\"shape\":["u8);
        for (int i = 0; i < tensor.Tensor.Shape.Length; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            WriteNumber(ref output, tensor.Tensor.Shape[i]);
        }

        if (tensor.IsBinary)
        {
            output.Write("],\"parameters\":{\"binary_data_size\":"u8);
            WriteNumber(ref output, tensor.Tensor.Data.Length);
            output.Write("}}"u8);
        }
        else
        {
            // Bare NaN is what the protocol's clients read; that the strings are UTF-8 was checked when the answer was collected.
            output.Write("],\"data\":"u8);
            JsonTensorWriter.TryWriteFlat(ref output, tensor.Tensor, NonFiniteStyle.Bare);
            output.Write((byte)'}');
        }
    }

    private static void WriteNumber(ref JsonOutput output, long number)
    {
        Utf8Formatter.TryFormat(number, output.Reserve(JsonNumbers.Longest), out int length);
        output.Advance(length);
    }
}
