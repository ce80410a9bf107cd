using System.Runtime.ExceptionServices;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>What a flight ends with, for all its callers: outputs that each of them may read, an error, or what was thrown.</summary>
internal sealed class FlightLanding
{
    /// <summary>All callers left.</summary>
    public static FlightLanding Abandoned { get; } = new();

    /// <summary>The outputs; null where there are none.</summary>
    public IReadOnlyList<OutputValue>? Outputs { get; private init; }

    /// <summary>How long they may be given again; null where they may not.</summary>
    public Freshness? Freshness { get; private init; }

    /// <summary>Where the time of the run went.</summary>
    public PredictTimings Timings { get; private init; }

    /// <summary>An exception that no one foresaw.</summary>
    public ExceptionDispatchInfo? Fault { get; private init; }

    private bool IsKept { get; init; }

    private PredictError? Error { get; init; }

    private string? Store { get; init; }

    private int? RowsRun { get; init; }

    private TimeSpan Looked { get; init; }

    /// <summary>An answer that was remembered after all.</summary>
    /// <param name="found">The answer.</param>
    /// <param name="where">Where it was found.</param>
    /// <param name="looked">What looking there took.</param>
    public static FlightLanding Found(CachedPrediction found, string where, TimeSpan looked) => new()
    {
        Outputs = found.Outputs,
        Freshness = new Freshness(found.Scope, found.MadeAt, found.FreshFor),
        Store = where,
        Looked = looked,
    };

    public static FlightLanding Made(CachedPrediction made, PredictTimings timings, TimeSpan looked, bool isKept) => new()
    {
        Looked = looked,
        IsKept = isKept,
        Outputs = made.Outputs,
        Freshness = new Freshness(made.Scope, made.MadeAt, made.FreshFor),
        Timings = timings,
    };

    /// <summary>An answer put together from rows; the tensors are views.</summary>
    public static FlightLanding OfRows(IReadOnlyList<OutputValue> outputs, Freshness freshness, PredictTimings timings, int rowsRun, bool areKept) =>
        new() { Outputs = outputs, Freshness = freshness, Timings = timings, RowsRun = rowsRun, IsKept = areKept };

    /// <summary>
    /// An answer that is too large to be remembered. A single caller gets the pooled outputs themselves; several get a copy that they can share.
    /// </summary>
    public static FlightLanding TooLarge(PredictionFlight<FlightLanding> flight, PredictResponse response)
    {
        int callers = flight.Close();
        if (callers == 1)
        {
            // Should it leave before it takes them, the pool does without these arrays.
            return new FlightLanding { Outputs = response.Outputs, Timings = response.Timings };
        }

        using (response)
        {
            return callers == 0 ? Abandoned : new FlightLanding { Outputs = [.. response.Outputs.Select(Share)], Timings = response.Timings };
        }
    }

    public static FlightLanding Refused(PredictError error, PredictTimings timings) => new() { Error = error, Timings = timings };

    public static FlightLanding Failed(ExceptionDispatchInfo fault) => new() { Fault = fault };

    /// <summary>Why there are no outputs, for one of the callers.</summary>
    public PredictError ErrorFor(bool callerLeft) => callerLeft ? ModelRunner.CallerLeft()
        : Error is null or { Kind: PredictErrorKind.Cancelled } ? PredictError.DeadlineExceeded()
        : Error;

    /// <summary>What the cache did for one of the callers.</summary>
    public CacheReport Describe(CacheReport report, bool leads, TimeSpan age) =>
        Store is not null ? report with { Use = CacheUse.Hit, Lookup = report.Lookup + Looked, Age = age, TimeToLive = Freshness!.Value.FreshFor - age, Detail = Store }
        : leads && RowsRun == 0 ? report with { Use = CacheUse.Hit, Age = age, TimeToLive = Freshness!.Value.FreshFor - age, Detail = "rows" }
        : leads ? report with { Lookup = report.Lookup + Looked, Stored = IsKept, RowsRun = RowsRun }
        : report with { Use = CacheUse.Collapsed };

    private static OutputValue Share(OutputValue output) => output.Kind switch
    {
        OutputKind.Tensor => OutputValue.FromTensor(output.Name, Share(output.Values)),
        OutputKind.TensorSequence => OutputValue.FromSequence(output.Name, [.. output.Tensors.Select(Share)]),
        _ => OutputValue.FromMaps(output.Name, output.Kind, Share(output.Labels!), Share(output.Values)),
    };

    private static Tensor Share(Tensor tensor) => new(tensor.Type, tensor.Shape, TensorBuffer.View(tensor.Data.ToArray(), 0, tensor.Data.Length));
}
