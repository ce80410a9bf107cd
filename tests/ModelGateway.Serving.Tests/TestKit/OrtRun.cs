using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Runtime.Onnx;

namespace ModelGateway.Serving.Tests.TestKit;

/// <summary>Runs a model in ONNX Runtime directly, without the gateway's code between, and hands the outputs to the test.</summary>
internal sealed class OrtRun : IDisposable
{
    private readonly RunOptions _options = new();
    private readonly InferenceSession _session;
    private readonly List<OrtValue> _inputs = [];
    private readonly List<string> _names = [];
    private IDisposableReadOnlyCollection<OrtValue>? _outputs;

    // The core's environment comes first, whichever test runs first: ONNX Runtime makes one of its own otherwise, with telemetry.
    static OrtRun() => OnnxEnvironment.EnsureCreated(Environment.ProcessorCount, NullLogger.Instance);

    public OrtRun(byte[] model)
    {
        using SessionOptions options = CreateOptions();
        _session = new InferenceSession(model, options);
    }

    public OrtRun(string path)
    {
        using SessionOptions options = CreateOptions();
        _session = new InferenceSession(path, options);
    }

    public InferenceSession Session => _session;

    public OrtRun Input<T>(string name, long[] shape, params T[] values)
        where T : unmanaged => Input(name, OrtValue.CreateTensorValueFromMemory(values, shape));

    public OrtRun Strings(string name, long[] shape, params string[] values)
    {
        OrtValue value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
        for (int i = 0; i < values.Length; i++)
        {
            value.StringTensorSetElementAt(values[i].AsSpan(), i);
        }

        return Input(name, value);
    }

    public OrtRun Input(string name, OrtValue value)
    {
        _names.Add(name);
        _inputs.Add(value);
        return this;
    }

    /// <summary>The output at <paramref name="index"/>; the graph runs when the first one is asked for.</summary>
    public OrtValue Output(int index = 0)
    {
        _outputs ??= _session.Run(_options, _names, _inputs, [.. _session.OutputNames]);
        return _outputs[index];
    }

    public T[] Output<T>(int index = 0)
        where T : unmanaged => Output(index).GetTensorDataAsSpan<T>().ToArray();

    public long[] Shape(int index = 0) => Output(index).GetTensorTypeAndShape().Shape;

    public void Dispose()
    {
        _outputs?.Dispose();
        _inputs.ForEach(input => input.Dispose());
        _session.Dispose();
        _options.Dispose();
    }

    // Some of the models are meant to fail: ONNX Runtime's own line on stderr for each would only look like trouble.
    private static SessionOptions CreateOptions() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
}
