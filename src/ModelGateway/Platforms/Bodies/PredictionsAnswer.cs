using System.Buffers;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Platforms.Bodies;

/// <summary>
/// Writes one prediction an instance, as Vertex AI wants it: the value itself where the model has one output, otherwise an object of output
/// and value.
/// <code>
/// {"predictions":[[0.1,0.9],[0.8,0.2]]}        {"predictions":[{"label":1,"scores":[0.1,0.9]},{"label":0,"scores":[0.8,0.2]}]}
/// </code>
/// </summary>
internal static class PredictionsAnswer
{
    public static PredictError? Write(IBufferWriter<byte> to, PredictResponse response)
    {
        if (Check(response) is { } error)
        {
            return error;
        }

        var columns = new List<RowTexts>(response.Outputs.Count);
        try
        {
            foreach (OutputValue output in response.Outputs)
            {
                columns.Add(RowTexts.InJson(output));
            }

            Write(to, response.Outputs, columns);
            return null;
        }
        finally
        {
            columns.ForEach(column => column.Dispose());
        }
    }

    private static void Write(IBufferWriter<byte> to, IReadOnlyList<OutputValue> outputs, List<RowTexts> columns)
    {
        var output = new JsonOutput(to);
        output.Write("{\"predictions\":["u8);
        for (int row = 0; row < RowTexts.CountRows(outputs[0]); row++)
        {
            if (row > 0)
            {
                output.Write((byte)',');
            }

            if (columns.Count == 1)
            {
                output.Write(columns[0][row]);
                continue;
            }

            for (int i = 0; i < columns.Count; i++)
            {
                output.Write(i == 0 ? (byte)'{' : (byte)',');
                JsonStringWriter.Write(ref output, outputs[i].Name);
                output.Write((byte)':');
                output.Write(columns[i][row]);
            }

            output.Write((byte)'}');
        }

        output.Write("]}"u8);
        output.Flush();
    }

    private static PredictError? Check(PredictResponse response)
    {
        foreach (OutputValue output in response.Outputs)
        {
            foreach (Tensor tensor in output.Tensors)
            {
                if (!JsonTensorWriter.CanNest(tensor.Shape))
                {
                    return new PredictError(
                        PredictErrorKind.ModelRefused, $"Output '{output.Name}' has a shape that cannot be written as nested JSON arrays; ask for it by the Open Inference Protocol with binary_data.");
                }
            }

            int rows = RowTexts.CountRows(output);
            int first = RowTexts.CountRows(response.Outputs[0]);
            if (rows < 0 || rows != first)
            {
                string has = rows < 0 ? "is one value for all instances" : $"has {rows} rows where '{response.Outputs[0].Name}' has {first}";
                return new PredictError(
                    PredictErrorKind.ModelRefused, $"Output '{output.Name}' {has}, so there is not one prediction for each instance. Ask for other outputs by 'outputs', or send 'inputs' in place of 'instances'.");
            }
        }

        return null;
    }
}
