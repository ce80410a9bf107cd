using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace ModelGateway.Benchmarks.Suite;

/// <summary><see cref="OrtLoop"/>, measured from outside.</summary>
internal sealed class LoopContender : Contender, IAsyncDisposable
{
    private readonly Process _process;
    private float[] _answer = [];

    private LoopContender(Process process)
        : base("ONNX Runtime alone")
    {
        _process = process;
    }

    /// <summary>Starts it and waits for its first run.</summary>
    /// <param name="model">The model and its request.</param>
    /// <param name="modelFile">Where its file is.</param>
    /// <param name="folder">For the request's file.</param>
    public static async Task<LoopContender> StartAsync(SuiteModel model, string modelFile, string folder)
    {
        string requestFile = await WriteRequestAsync(model, modelFile, folder);
        var contender = new LoopContender(ChildServer.StartProcess("dotnet", [ChildServer.Assembly, "ort-loop", requestFile], [], talks: true));
        contender._answer = JsonSerializer.Deserialize<float[]>(await contender.ReadLineAsync(TimeSpan.FromMinutes(1)))!;
        return contender;
    }

    /// <summary>Writes the <see cref="LoopRequest"/> of a model, and gives its file.</summary>
    public static async Task<string> WriteRequestAsync(SuiteModel model, string modelFile, string folder)
    {
        string requestFile = Path.Combine(folder, $"{model.Name}.loop.json");
        await File.WriteAllTextAsync(requestFile, JsonSerializer.Serialize(new LoopRequest(modelFile, model.Output, model.Inputs)));
        return requestFile;
    }

    public override async Task<Sample> MeasureAsync(double seconds)
    {
        TimeSpan processor = ProcessTree.ProcessorTime(_process.Id);
        await _process.StandardInput.WriteLineAsync(seconds.ToString(CultureInfo.InvariantCulture));
        string[] answer = (await ReadLineAsync(TimeSpan.FromSeconds(seconds + 30))).Split(' ');
        double runs = double.Parse(answer[0], CultureInfo.InvariantCulture);
        double microseconds = (ProcessTree.ProcessorTime(_process.Id) - processor).TotalMicroseconds / runs;
        return new Sample(runs / double.Parse(answer[1], CultureInfo.InvariantCulture), microseconds, double.NaN, double.NaN, 0);
    }

    public override Task<float[]?> AnswerAsync() => Task.FromResult<float[]?>(_answer);

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<string> ReadLineAsync(TimeSpan patience) =>
        await _process.StandardOutput.ReadLineAsync().WaitAsync(patience) ?? throw new InvalidOperationException("The loop over ONNX Runtime ended.");
}
