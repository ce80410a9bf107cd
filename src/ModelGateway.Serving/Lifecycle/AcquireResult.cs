using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Either a handle, which the caller disposes, or the refusal.</summary>
/// <param name="Handle">The handle, or null.</param>
/// <param name="Error">The refusal, or null.</param>
public readonly record struct AcquireResult(ServableHandle? Handle, PredictError? Error)
{
    /// <summary>A handle was given.</summary>
    [MemberNotNullWhen(true, nameof(Handle))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsSuccess => Handle is not null;
}
