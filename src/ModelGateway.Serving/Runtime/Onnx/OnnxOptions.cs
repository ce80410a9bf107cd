using ModelGateway.Serving.Repository.Encryption;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Settings of ONNX Runtime for the whole process.</summary>
public sealed record OnnxOptions
{
    /// <summary>Threads of the process-wide pool that runs share; null: what the container's CPU quota allows.</summary>
    public int? Threads { get; init; }

    /// <summary>Execution provider for models that name none.</summary>
    public string ExecutionProvider { get; init; } = "cpu";

    /// <summary>
    /// Keep a memory arena a session. Off by default: an arena never shrinks below its largest run, and models with varying
    /// shapes grow it without end. With it on, what a run leaves unused is given back after it
    /// as far as the arena can shrink: never below its first chunk.
    /// </summary>
    public bool MemoryArena { get; init; }

    /// <summary>Where optimized graphs are kept; null for nowhere.</summary>
    public GraphCacheOptions? GraphCache { get; init; }

    /// <summary>Keys of encrypted models.</summary>
    public EncryptionKeys Encryption { get; init; } = EncryptionKeys.None;
}
