namespace ModelGateway.Serving.Models;

/// <summary>One thing that is wrong in a <c>model.yaml</c>.</summary>
/// <param name="Line">Counted from 1.</param>
/// <param name="Path">The key, for example <c>limits.timeout</c> or <c>warmup[0].inputs.x</c>; empty for the file as a whole.</param>
/// <param name="Message">What was expected and what is there, as the end of a sentence that begins with the key.</param>
public sealed record ModelConfigError(int Line, string Path, string Message)
{
    /// <summary><c>line 3: limits.timeout: expects ...</c></summary>
    public override string ToString() => Path.Length == 0 ? $"line {Line}: {Message}" : $"line {Line}: {Path}: {Message}";
}
