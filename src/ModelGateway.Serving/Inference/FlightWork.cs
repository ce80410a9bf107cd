using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>What a flight needs. Its first caller may leave before it ends, so it holds the version and the request's tensors itself from <see cref="Retain"/> to <see cref="Release"/>.</summary>
internal sealed class FlightWork(Servable servable, ServableCache own, CacheScope scope, PredictionKey key, PredictRequest request, RowAnswers? rows)
{
    public Servable Servable { get; } = servable;

    public ServableCache Own { get; } = own;

    public CacheScope Scope { get; } = scope;

    public PredictionKey Key { get; } = key;

    public PredictRequest Request { get; } = request;

    /// <summary>What is known of each row; null for a request that is remembered as a whole.</summary>
    public RowAnswers? Rows { get; } = rows;

    /// <summary>What hashing and looking took.</summary>
    public TimeSpan Lookup { get; init; }

    /// <summary>How long its first caller will wait; null where nobody waits.</summary>
    public TimeSpan? Patience { get; set; }

    /// <summary>Whether what is past its time, but not by too much, will do for all its callers, who see to it that it is renewed.</summary>
    public bool TakesStale { get; init; }

    /// <summary>Whether nothing useful was found: then what the look cost is counted with what remembering costs.</summary>
    public bool CountsAsMiss { get; set; } = true;

    /// <summary>It has claimed the work on its key among the replicas.</summary>
    public bool HoldsClaim { get; set; }

    /// <summary>Runs the model for all callers of the flight. The patience of the first holds only while nobody else waits: what is too long for him may not be for them.</summary>
    public async ValueTask<PredictResult> RunAsync(ModelRunner runner, PredictionFlight<FlightLanding> flight, IReadOnlyList<NamedTensor> inputs)
    {
        TimeSpan? patience = flight.IsOfFirstAlone ? Patience : null;
        PredictResult run = await runner.RunAsync(Servable, inputs, Request.Outputs, patience, null, default, flight.Abandoned);
        return !run.IsSuccess && run.Error.Kind == PredictErrorKind.QueueFull && patience is not null && !flight.IsOfFirstAlone
            ? await runner.RunAsync(Servable, inputs, Request.Outputs, null, null, default, flight.Abandoned)
            : run;
    }

    /// <summary>To be called while the caller still holds both.</summary>
    public void Retain()
    {
        Request.Retain();
        Servable.HoldAgain();
    }

    public void Release()
    {
        Request.Dispose();
        Servable.ReleaseAgain();
    }
}
