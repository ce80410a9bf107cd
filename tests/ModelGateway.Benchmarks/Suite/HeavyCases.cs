using ModelGateway.TestKit;
using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>Models whose run takes milliseconds: whatever is not the run is lost.</summary>
internal static class HeavyCases
{
    private const int Mails = 24;
    private const int MailTokens = 96;

    public static (string Name, Func<Bench, Task> Prepare)[] All { get; } =
    [
        ("real-text", async bench => await AgainstLoopAsync(bench, await SpamAsync(), "spam sample, 24 mails a request")),
        ("real-image", async bench => await AgainstLoopAsync(bench, await TextLineAsync(), "PP-OCRv4 recognizer (48 x 320)")),
        ("compute", ComputeBoundAsync),
    ];

    private static async Task AgainstLoopAsync(Bench bench, SuiteModel model, string what)
    {
        Server gateway = await bench.GatewayAsync([model]);
        bench.Compare(
            $"{what}, binary, 4 connections, against ONNX Runtime alone",
            bench.Load("gateway", gateway, Payload.Binary(model), 4),
            await bench.LoopAsync(model),
            Bar.AtLeast(0.95));
    }

    private static async Task ComputeBoundAsync(Bench bench)
    {
        var model = new SuiteModel("transformer", BenchmarkModels.Transformer(), "y", InputTensor.Floats("x", [1, 64, 256], BenchmarkModels.Numbers(1, 64 * 256)));
        Server automatic = await bench.GatewayAsync([model with { Config = BatchingSettings.Automatic }]);
        Server off = await bench.GatewayAsync([model with { Config = BatchingSettings.Off }]);
        Payload payload = Payload.Binary(model);
        bench.Compare(
            "transformer of 5 ms, binary, 16 connections, automatic batching against none",
            bench.Load("automatic", automatic, payload, 16),
            bench.Load("none", off, payload, 16),
            Bar.AtLeast(0.97));
    }

    // As many mails as make a run of more than five milliseconds; the words are any.
    private static async Task<SuiteModel> SpamAsync()
    {
        byte[] onnx = await File.ReadAllBytesAsync(Path.Combine(RepositoryRoot.Path, "docs", "samples", "models", "spam", "1", "model.onnx"));
        long[] tokens = [.. BenchmarkModels.Numbers(1, Mails * MailTokens).Select(number => 4 + (long)(number * 1000))];
        long[] mask = [.. Enumerable.Repeat(1L, tokens.Length)];
        long[] shape = [Mails, MailTokens];
        return new SuiteModel("spam", onnx, "probabilities", InputTensor.Integers("input_ids", shape, tokens), InputTensor.Integers("attention_mask", shape, mask)) { HasMoreOutputs = true };
    }

    // It comes as a package beside the Fastify server's, and is not part of this repository.
    private static async Task<SuiteModel> TextLineAsync()
    {
        byte[] onnx = await FastifyServer.ReadPackageFileAsync("@gutenye", "ocr-models", "assets", "ch_PP-OCRv4_rec_infer.onnx");
        const int Pixels = 3 * 48 * 320;
        return new SuiteModel("text-line", onnx, "softmax_11.tmp_0", InputTensor.Floats("x", [1, 3, 48, 320], [.. BenchmarkModels.Numbers(1, Pixels).Select(number => (2 * number) - 1)]));
    }
}
