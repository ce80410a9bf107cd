using System.Buffers;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Platforms.Bodies;

/// <summary>Writes a line a row: the cells of all outputs in their order, without a header.</summary>
internal static class CsvAnswer
{
    public const string ContentType = CsvRequest.MediaType + "; charset=utf-8";

    public static PredictError? Write(IBufferWriter<byte> to, PredictResponse response)
    {
        int rows = RowTexts.CountRows(response.Outputs[0]);
        foreach (OutputValue output in response.Outputs)
        {
            if (output.Kind != OutputKind.Tensor || RowTexts.CountRows(output) < 0 || RowTexts.CountRows(output) != rows)
            {
                return new PredictError(
                    PredictErrorKind.ModelRefused, $"Output '{output.Name}' cannot be written as CSV, which has one line for each row: ask for application/json by the header Accept.");
            }
        }

        var columns = new List<RowTexts>(response.Outputs.Count);
        try
        {
            foreach (OutputValue output in response.Outputs)
            {
                columns.Add(RowTexts.InCsv(output));
            }

            for (int row = 0; row < rows; row++)
            {
                for (int i = 0; i < columns.Count; i++)
                {
                    if (i > 0)
                    {
                        to.Write(","u8);
                    }

                    to.Write(columns[i][row]);
                }

                to.Write("\n"u8);
            }

            return null;
        }
        finally
        {
            columns.ForEach(column => column.Dispose());
        }
    }
}
