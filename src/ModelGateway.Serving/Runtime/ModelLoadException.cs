namespace ModelGateway.Serving.Runtime;

/// <summary>A model cannot be served. The message is shown to operators as the version's reason.</summary>
/// <param name="message">Why, in a sentence or two.</param>
/// <param name="innerException">What the runtime said.</param>
public sealed class ModelLoadException(string message, Exception? innerException = null) : Exception(message, innerException);
