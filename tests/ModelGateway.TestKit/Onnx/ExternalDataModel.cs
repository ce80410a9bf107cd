namespace ModelGateway.TestKit.Onnx;

/// <summary>A model whose weights lie in a second file.</summary>
/// <param name="Model">The ONNX file.</param>
/// <param name="FileName">The second file's name, as the model has it.</param>
/// <param name="Data">The second file.</param>
public sealed record ExternalDataModel(byte[] Model, string FileName, byte[] Data);
