using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Forbids ONNX Runtime to send usage data. On Linux it does so by default, its own switch in the API comes too late, and the
/// native library reads the real environment, which <see cref="Environment.SetEnvironmentVariable(string, string?)"/> does not change.
/// </summary>
public static partial class OnnxTelemetry
{
    private const string Variable = "ORT_DISABLE_TELEMETRY";

    /// <summary>Runs before any code of this assembly, so before its first call into ONNX Runtime, in the host and in every test.</summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "A library that must act before its first native call has no other place.")]
    internal static void DisableOnModuleLoad() => Disable();

    /// <summary>Sets the variable in the native environment. For programs that call ONNX Runtime without this assembly's runtime; idempotent.</summary>
    public static void Disable()
    {
        Environment.SetEnvironmentVariable(Variable, "1");
        if (!OperatingSystem.IsWindows())
        {
            // Its return value is ignored on purpose: it can only fail for lack of memory or a malformed name.
            _ = SetEnv(Variable, "1", 1);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);
}
