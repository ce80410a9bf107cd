using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Answers the questions about models. That the caller may use the model of the path is checked before.</summary>
internal sealed class ModelAnswers(ServableManager manager, ModelAccess access, IOptions<GatewayOptions> options)
{
    private readonly string _executionProvider = options.Value.Runtime.ExecutionProvider;

    public IResult List(HttpContext http)
    {
        Func<string, bool>? mayUse = access.Filter(http);
        return TypedResults.Json(
            new ModelListAnswer([.. manager.Snapshot().Models.Keys.Where(name => mayUse?.Invoke(name) != false).Order(StringComparer.Ordinal)]),
            OpenInferenceJson.Default.ModelListAnswer);
    }

    public Task<IResult> MetadataAsync(HttpContext http, ModelSpec spec) => AskAsync(http, spec, (servable, model) =>
        TypedResults.Json(ModelMetadataAnswer.Of(servable, model), OpenInferenceJson.Default.ModelMetadataAnswer));

    public Task<IResult> ConfigurationAsync(HttpContext http, ModelSpec spec) => AskAsync(http, spec, (servable, model) =>
        TypedResults.Json(ModelConfigAnswer.Of(servable, model.Config.VersionPolicy, _executionProvider), OpenInferenceJson.Default.ModelConfigAnswer));

    public IResult Ready(HttpContext http, ModelSpec spec)
    {
        PredictError? error = manager.Check(spec, access.Filter(http));
        if (error is { Kind: not PredictErrorKind.NotReady })
        {
            return new ProblemResult(error);
        }

        if (error?.RetryAfter is { } delay)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(delay.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        return TypedResults.Json(
            new ModelReadyAnswer(spec.Model, error is null, error?.Message),
            OpenInferenceJson.Default.ModelReadyAnswer,
            statusCode: error is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    public IResult AllStatistics(HttpContext http)
    {
        Func<string, bool>? mayUse = access.Filter(http);
        return Statistics(manager.Snapshot().Versions.Where(version => mayUse?.Invoke(version.Id.Model) != false));
    }

    /// <summary>Of one version; of all that are loaded where none is named.</summary>
    public IResult Statistics(HttpContext http, ModelSpec spec)
    {
        if (spec is { Version: null, Label: null } && manager.Find(spec.Model) is { } model)
        {
            return Statistics(model.Versions);
        }

        // What is counted goes with the version: to wake one for it would tell nothing.
        if (!manager.TryAcquire(spec, access.Filter(http), out ServableHandle? handle, out PredictError? error))
        {
            return new ProblemResult(error);
        }

        using (handle)
        {
            return TypedResults.Json(new StatisticsAnswer([VersionStatisticsAnswer.Of(handle.Servable)]), OpenInferenceJson.Default.StatisticsAnswer);
        }
    }

    private static JsonHttpResult<StatisticsAnswer> Statistics(IEnumerable<VersionView> versions) => TypedResults.Json(
        new StatisticsAnswer([.. versions.Select(version => version.Servable).OfType<Servable>().Select(VersionStatisticsAnswer.Of)]),
        OpenInferenceJson.Default.StatisticsAnswer);

    // What a version is shows only once it is loaded: one that sleeps is waited for, as a prediction would.
    private async Task<IResult> AskAsync(HttpContext http, ModelSpec spec, Func<Servable, ModelView, IResult> answer)
    {
        AcquireResult acquired = await manager.AcquireAsync(spec, access.Filter(http), null, http.RequestAborted);
        if (!acquired.IsSuccess)
        {
            return new ProblemResult(acquired.Error);
        }

        using (acquired.Handle)
        {
            return manager.Find(spec.Model) is { } model
                ? answer(acquired.Handle.Servable, model)
                : new ProblemResult(new PredictError(PredictErrorKind.UnknownModel, $"The model '{spec.Model}' has just been removed."));
        }
    }
}

/// <summary><c>GET /v2/models</c></summary>
internal sealed record ModelListAnswer(IReadOnlyList<string> Models);

/// <summary><c>GET /v2/models/{m}[/versions/{v}]/ready</c></summary>
/// <param name="Name">The model.</param>
/// <param name="Ready">Whether it answers.</param>
/// <param name="Reason">Why it does not; not part of the protocol, for people.</param>
internal sealed record ModelReadyAnswer(string Name, bool Ready, string? Reason);
