using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Makes sense of ONNX Runtime's exceptions. They carry their code only in the text: <c>[ErrorCode:InvalidArgument] …</c>.
/// </summary>
internal static partial class OnnxErrors
{
    /// <summary>The text without the code and without the paths and function names of the runtime's sources.</summary>
    public static string Clean(string message)
    {
        string text = Code().Replace(message, "");
        text = SourceLocation().Replace(text, "");
        return Blanks().Replace(text, " ").Trim();
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

    [GeneratedRegex(@"^\[ErrorCode:\w+\]\s*")]
    private static partial Regex Code();

    // "/onnxruntime_src/onnxruntime/core/x.cc:123 onnxruntime::common::Status onnxruntime::F(const T&) const " and "x.cc:12 Function "
    [GeneratedRegex(@"(?<=^|\s)[\w./\\-]+\.(cc|h|cpp|hpp):\d+\s+((virtual|static|inline)\s+)?([\w:<>&*,~ ]+\([^)]*\)(\s*const)?|\w+)?\s*")]
    private static partial Regex SourceLocation();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
