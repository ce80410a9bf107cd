using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// What an optimized graph depends on: the model's bytes, the ONNX Runtime that optimized it, what it was allowed to do, and the processor,
/// for whose vector width the weights of convolutions are laid out anew. Threads and arenas change no graph.
/// </summary>
internal static class GraphKey
{
    // Raised when what is saved, or how, changes.
    private const int Format = 1;

    /// <summary>Which processor this is, as far as the runtime chooses its code by it.</summary>
    public static string Processor { get; } = DescribeProcessor();

    /// <summary>The name of the graph: lower-case hexadecimal SHA-256 over all of it, line by line (no part holds a line break).</summary>
    /// <param name="digest">The artifact's.</param>
    /// <param name="level">What is done to the graph.</param>
    public static string Of(string digest, GraphOptimization level) => Of(digest, level, OrtEnv.Instance().GetVersionString(), Processor);

    /// <summary>As above, for another runtime or processor.</summary>
    public static string Of(string digest, GraphOptimization level, string runtimeVersion, string processor) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Format}\n{digest}\n{level}\n{runtimeVersion}\n{processor}")));

    private static string DescribeProcessor()
    {
        string kind = $"{RuntimeInformation.OSArchitecture} {RuntimeInformation.ProcessArchitecture}";
        if (!X86Base.IsSupported)
        {
            return $"{kind} {ArmFeatures()}";
        }

        // Vendor; then the feature bits. The upper half of leaf 1's EBX names the core that answers, so it is left out.
        (int _, int ebx, int ecx, int edx) = X86Base.CpuId(0, 0);
        (int signature, _, int features, int moreFeatures) = X86Base.CpuId(1, 0);
        (_, int extended, int moreExtended, int stillMore) = X86Base.CpuId(7, 0);
        (int last, _, _, _) = X86Base.CpuId(7, 1);

        // What the processor has the system may have switched off.
        string usable = $"{Avx.IsSupported} {Avx2.IsSupported} {Fma.IsSupported} {Avx512F.IsSupported}";
        return $"{kind} {ebx:x8}{edx:x8}{ecx:x8} {signature:x8} {features:x8}{moreFeatures:x8} {extended:x8}{moreExtended:x8}{stillMore:x8} {last:x8} {usable}";
    }

    // Linux tells more than .NET does; elsewhere the architecture has to do, and such machines are not mixed below one folder.
    private static string ArmFeatures()
    {
        try
        {
            return File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("Features", StringComparison.Ordinal)) ?? "";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
