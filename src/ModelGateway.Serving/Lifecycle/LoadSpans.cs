using System.Diagnostics;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>The spans of one load: the whole and, below it, the state that it is in. A trace of its own: many requests may wait for one load.</summary>
/// <remarks>Used and disposed by the loader thread alone.</remarks>
internal sealed class LoadSpans : IDisposable
{
    private readonly Activity? _before = Activity.Current;
    private readonly Activity? _load;
    private Activity? _stage;

    /// <summary>Begins the load's span, if anybody listens.</summary>
    public LoadSpans(ServableId id)
    {
        // Whatever flowed here when the thread was made: a load is nobody's child.
        Activity.Current = null;
        _load = ServingActivities.Source.StartActivity("model.load");
        _load?.SetTag(ServingActivities.ModelTag, id.Model);
        _load?.SetTag(ServingActivities.VersionTag, id.Version);
    }

    /// <summary>The load entered a state.</summary>
    public void Enter(ServableState state)
    {
        _stage?.Dispose();
        _stage = _load is null ? null : ServingActivities.Source.StartActivity(NameOf(state));
    }

    /// <summary>The load failed, in the state that it is in.</summary>
    public void Fail(Exception exception)
    {
        _stage.SetFailure(exception);
        _load.SetFailure(exception);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stage?.Dispose();
        _load?.Dispose();
        Activity.Current = _before;
    }

    private static string NameOf(ServableState state) => state switch
    {
        ServableState.Fetching => "model.fetch",
        ServableState.Verifying => "model.verify",
        ServableState.Loading => "model.create",
        ServableState.Warming => "model.warm_up",
        _ => "model.stage",
    };
}
