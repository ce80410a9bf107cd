using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OrtOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>
/// What one writes in an afternoon, and as the tutorials show it: a minimal API, JsonSerializer into nested arrays, a DenseTensor, NamedOnnxValue,
/// and nested arrays back. It serves one model with one FP32 input; it validates nothing, counts nothing and lets everyone in.
/// </summary>
internal static class PlainServer
{
    /// <summary>Serves until the process is killed.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="modelFile">The model, whose input has rank 2 or 4 and whose output has rank 2.</param>
    /// <param name="output">The output that is answered.</param>
    /// <param name="threads">Threads inside one run; 0 for ONNX Runtime's default.</param>
    public static async Task<int> RunAsync(string address, string modelFile, string output, int threads)
    {
        using var options = new OrtOptions();
        if (threads > 0)
        {
            options.IntraOpNumThreads = threads;
        }

        using var session = new InferenceSession(modelFile, options);
        (string input, NodeMetadata metadata) = session.InputMetadata.Single();
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls(address);

        // As in the settings that a new project comes with: no line for every request.
        builder.Logging.SetMinimumLevel(LogLevel.Warning);

        // At the end of a slice wrk leaves in the middle of a body.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Critical);
        WebApplication app = builder.Build();
        if (metadata.Dimensions.Length == 2)
        {
            app.MapPost("/predict/{model}", (string model, Request<float[][]> request) => Predict(model, ToTensor(request.Inputs[input])));
        }
        else
        {
            app.MapPost("/predict/{model}", (string model, Request<float[][][][]> request) => Predict(model, ToTensor(request.Inputs[input])));
        }

        await app.RunAsync();
        return 0;

        Response Predict(string model, DenseTensor<float> tensor)
        {
            using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run([NamedOnnxValue.CreateFromTensor(input, tensor)], [output]);
            Tensor<float> values = results[0].AsTensor<float>();
            float[][] rows = new float[values.Dimensions[0]][];
            for (int row = 0; row < rows.Length; row++)
            {
                rows[row] = new float[values.Dimensions[1]];
                for (int column = 0; column < rows[row].Length; column++)
                {
                    rows[row][column] = values[row, column];
                }
            }

            return new Response(model, "1", new Dictionary<string, float[][]> { [output] = rows });
        }
    }

    private static DenseTensor<float> ToTensor(float[][] rows)
    {
        var tensor = new DenseTensor<float>([rows.Length, rows[0].Length]);
        for (int row = 0; row < rows.Length; row++)
        {
            for (int column = 0; column < rows[row].Length; column++)
            {
                tensor[row, column] = rows[row][column];
            }
        }

        return tensor;
    }

    private static DenseTensor<float> ToTensor(float[][][][] images)
    {
        int[] shape = [images.Length, images[0].Length, images[0][0].Length, images[0][0][0].Length];
        var tensor = new DenseTensor<float>(shape);
        Span<float> values = tensor.Buffer.Span;
        int next = 0;
        foreach (float[][][] image in images)
        {
            foreach (float[][] channel in image)
            {
                foreach (float[] row in channel)
                {
                    row.CopyTo(values[next..]);
                    next += row.Length;
                }
            }
        }

        return tensor;
    }

    private sealed record Request<T>(Dictionary<string, T> Inputs);

    private sealed record Response(string Model, string Version, Dictionary<string, float[][]> Outputs);
}
