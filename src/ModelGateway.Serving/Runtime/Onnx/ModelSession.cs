using Microsoft.ML.OnnxRuntime;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>A session with what is bound to it.</summary>
/// <param name="Session">Safe for runs that overlap.</param>
/// <param name="Bound">Its runs over bound memory.</param>
internal sealed record ModelSession(InferenceSession Session, BoundRuns Bound) : IDisposable
{
    /// <summary>Frees both; no run may be under way.</summary>
    public void Dispose()
    {
        Bound.Dispose();
        Session.Dispose();
    }
}
