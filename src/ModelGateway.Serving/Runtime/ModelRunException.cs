namespace ModelGateway.Serving.Runtime;

/// <summary>One run failed; the model goes on serving.</summary>
/// <param name="message">The runtime's own words, without source paths.</param>
/// <param name="inputAtFault">The graph refused this input, so that the same request fails again; otherwise the runtime failed.</param>
/// <param name="innerException">What the runtime threw.</param>
public sealed class ModelRunException(string message, bool inputAtFault, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>The caller's input is the cause.</summary>
    public bool InputAtFault { get; } = inputAtFault;
}
