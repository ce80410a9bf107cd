using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Inference;

/// <summary>The answer of one prediction. It owns its outputs: dispose it when they are written.</summary>
/// <param name="servable">The version that answered.</param>
/// <param name="outputs">The outputs asked for, in that order.</param>
/// <param name="timings">Where the time went.</param>
public sealed class PredictResponse(ServableId servable, IReadOnlyList<OutputValue> outputs, PredictTimings timings) : IDisposable
{
    /// <summary>The version that answered.</summary>
    public ServableId Servable { get; } = servable;

    /// <summary>The outputs asked for, in that order.</summary>
    public IReadOnlyList<OutputValue> Outputs { get; } = outputs;

    /// <summary>Where the time went.</summary>
    public PredictTimings Timings { get; } = timings;

    /// <summary>How long the answer may be given again; null where it may not.</summary>
    public Freshness? Freshness { get; init; }

    /// <summary>Gives the outputs back.</summary>
    public void Dispose()
    {
        for (int i = 0; i < Outputs.Count; i++)
        {
            Outputs[i].Dispose();
        }
    }
}
