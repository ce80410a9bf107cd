namespace ModelGateway.Serving.Models;

/// <summary>One fault of a request.</summary>
/// <param name="Target">What is at fault, as the caller wrote it: an input's or output's name, a JSON key; null for the body as a whole.</param>
/// <param name="Message">One sentence, with a did-you-mean where a name is close to a known one.</param>
public sealed record RequestFault(string? Target, string Message)
{
    /// <summary>What would have been right, for example <c>FP32 [n, 4]</c>.</summary>
    public string? Expected { get; init; }

    /// <summary>What came, for example <c>FP32 [1, 3]</c>; never the values themselves.</summary>
    public string? Got { get; init; }
}
