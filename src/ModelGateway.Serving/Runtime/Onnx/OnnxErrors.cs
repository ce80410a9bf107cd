using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Makes sense of ONNX Runtime's exceptions. They carry their code only in the text: <c>[ErrorCode:InvalidArgument] …</c>.
/// </summary>
internal static partial class OnnxErrors
{
    // Names of nodes and values stand in messages, and a model may have names of any length.
    private const int LongestMessage = 4000;

    /// <summary>The text without codes and without the paths and function names of the runtime's sources.</summary>
    public static string Clean(string message)
    {
        string text = message.Length > LongestMessage ? message[..LongestMessage] + "…" : message;
        text = Code().Replace(text, "");
        text = SourcePath().Replace(text, " ");
        text = SourceFile().Replace(text, " ");
        return Blanks().Replace(text.Replace("failed:", "failed: ", StringComparison.Ordinal), " ").Trim();
    }

    /// <summary>What a failed run means to the caller.</summary>
    public static ModelRunException ToRunException(OnnxRuntimeException exception)
    {
        string message = exception.Message;
        bool outOfMemory = message.Contains("bad_alloc", StringComparison.Ordinal)
            || message.Contains("allocate memory", StringComparison.OrdinalIgnoreCase);

        // A kernel that returns a status refused what it was given: an index out of range, shapes that do not fit each other.
        bool refused = !outOfMemory
            && (message.Contains("[ErrorCode:InvalidArgument]", StringComparison.Ordinal)
                || message.Contains("Non-zero status code returned while running", StringComparison.Ordinal));
        return new ModelRunException(Clean(message), refused, exception);
    }

    // At the start, and again where one error wraps another.
    [GeneratedRegex(@"^\[ErrorCode:\w+\]\s*|\[ONNXRuntimeError\] : \d+ : \w+ : ")]
    private static partial Regex Code();

    // "/onnxruntime_src/onnxruntime/core/x.cc:123 onnxruntime::common::Status onnxruntime::F(const T&) const [with T = int] ".
    [GeneratedRegex(
        @"(?<![\w./+-])/[\w./+-]{1,300}\.(cc|h|cpp|hpp):\d+\s+([\w:<>&*,~ ]{0,300}::[\w:<>&*,~ ]{0,300}(operator\(\))?\(([^()]|\([^()]*\)){0,1000}\)( const)?( \[with [^\]]{0,300}\])?)?\s*")]
    private static partial Regex SourcePath();

    // "x.cc:12 Function "
    [GeneratedRegex(@"\b[\w-]{1,100}\.(cc|h|cpp|hpp):\d+ \w+(\(\))?\s+")]
    private static partial Regex SourceFile();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
