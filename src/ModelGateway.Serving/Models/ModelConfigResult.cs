using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.Serving.Models;

/// <summary>Either a configuration or everything that is wrong with its text.</summary>
public sealed class ModelConfigResult
{
    internal ModelConfigResult(ModelConfig config) => Config = config;

    internal ModelConfigResult(IReadOnlyList<ModelConfigError> errors) => Errors = errors;

    /// <summary>The configuration; null if there are errors.</summary>
    public ModelConfig? Config { get; }

    /// <summary>By line; empty if there is a configuration.</summary>
    public IReadOnlyList<ModelConfigError> Errors { get; } = [];

    /// <summary>There is a configuration and no error.</summary>
    [MemberNotNullWhen(true, nameof(Config))]
    [MemberNotNullWhen(false, nameof(Reason))]
    public bool IsValid => Config is not null;

    /// <summary>All errors in one line, for a model's state and the log; null if there are none.</summary>
    public string? Reason => IsValid ? null : string.Join("; ", Errors);
}
