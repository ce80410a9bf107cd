using ModelGateway.Observability;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Platforms;

/// <summary>
/// Whether the platform may send requests: the server is ready and there is a model that answers. A deployment whose model cannot be
/// loaded must fail, not answer errors.
/// </summary>
internal sealed class PlatformHealth(Readiness readiness, ServableManager manager, PlatformModel model, PlatformSettings settings)
{
    /// <summary>200 with this text, or the problem that says why not.</summary>
    public IResult Answer(string text) => WhyNot() is { } reason
        ? TypedResults.Json(new HealthEndpoints.HealthAnswer("not ready", reason), statusCode: StatusCodes.Status503ServiceUnavailable)
        : TypedResults.Text(text);

    private string? WhyNot()
    {
        if (readiness.WhyNot() is { } reason)
        {
            return reason;
        }

        if (settings.IsMultiModel)
        {
            return null;
        }

        if (model.Configured is { } configured)
        {
            return manager.Check(configured, mayName: null)?.Message;
        }

        string? first = null;
        foreach (ModelView found in manager.Snapshot().Models.Values)
        {
            if (manager.Check(new ModelSpec(found.Name), mayName: null) is not { } error)
            {
                return null;
            }

            first ??= error.Message;
        }

        return first ?? "The files hold no model: a folder with model.onnx, or with version folders that have one.";
    }
}
