namespace ModelGateway.Benchmarks.Suite;

/// <summary>A model, and the one request that every contender answers with it.</summary>
/// <param name="Name">Its name in the repository.</param>
/// <param name="Onnx">The file.</param>
/// <param name="Output">The FP32 output that is asked for.</param>
/// <param name="Inputs">The request.</param>
internal sealed record SuiteModel(string Name, byte[] Onnx, string Output, params InputTensor[] Inputs)
{
    /// <summary>The model has more outputs, so that requests name the one they want.</summary>
    public bool HasMoreOutputs { get; init; }

    /// <summary>The content of <c>model.yaml</c>; empty for none.</summary>
    public string Config { get; init; } = "";
}
