using System.Text.Json;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.Protocols;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Platforms.SageMaker;

/// <summary>Loads, lists and unloads models as SageMaker asks a multi-model container to.</summary>
internal sealed class MultiModelAnswers(
    PlacedModels placed, RepositoryWatcher watcher, ModelAccess access, RequestBodyReader bodies, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime)
{
    private const int LargestBody = 64 << 10;
    private const int PageSize = 1000;
    private const string PageToken = "next_page_token";

    /// <summary><c>POST /models</c></summary>
    public async Task<IResult> LoadAsync(HttpContext http)
    {
        (LoadRequest? asked, PredictError? error) = await ReadAsync(http);
        if (asked is null)
        {
            return new ProblemResult(error!);
        }

        (string name, string url) = (asked.ModelName!, asked.Url!);
        RequestModel.Set(http, name);
        if (!access.Allows(http, name))
        {
            return new StatusResult(StatusCodes.Status403Forbidden, "Forbidden", "The token does not cover this model: its claim 'models' has no pattern for it.");
        }

        if (placed.FolderOf(url) is not { } folder)
        {
            return Invalid($"The 'url' must be the path of a folder below '{placed.Root}'.");
        }

        return await WaitAsync(cancellationToken => LoadAsync(name, url, folder, cancellationToken));
    }

    /// <summary><c>GET /models</c>, a page at a time.</summary>
    public IResult List(HttpContext http)
    {
        Func<string, bool>? mayUse = access.Filter(http);
        string after = http.Request.Query[PageToken].ToString();
        List<PlacedModel> rest = [.. placed.Loaded.Where(model => string.CompareOrdinal(model.Name, after) > 0 && mayUse?.Invoke(model.Name) != false).Take(PageSize + 1)];
        var page = new ModelPage([.. rest.Take(PageSize).Select(ToAnswer)], rest.Count > PageSize ? rest[PageSize - 1].Name : null);
        return TypedResults.Json(page, SageMakerJson.Default.ModelPage);
    }

    /// <summary><c>GET /models/{name}</c></summary>
    public IResult Get(HttpContext http, string name) =>
        access.Allows(http, name) && placed.FindLoaded(name) is { } model ? TypedResults.Json(ToAnswer(model), SageMakerJson.Default.ModelAnswer) : Unknown(name);

    /// <summary><c>DELETE /models/{name}</c>: answers when the memory is free.</summary>
    public async Task<IResult> UnloadAsync(HttpContext http, string name)
    {
        RequestModel.Set(http, name);
        if (!access.Allows(http, name) || placed.Find(name) is not { } model)
        {
            return Unknown(name);
        }

        return await WaitAsync(async cancellationToken =>
        {
            await model.Turn.WaitAsync(cancellationToken);
            try
            {
                // It may have gone, or another may have its name, since it was found.
                if (!ReferenceEquals(placed.Find(name), model))
                {
                    return Unknown(name);
                }

                await RemoveAsync(model, cancellationToken);
                return TypedResults.Ok();
            }
            finally
            {
                model.Turn.Release();
            }
        });
    }

    /// <summary>What refuses a prediction of a model that was not loaded; null where it was.</summary>
    public IResult? Refuse(string name) => placed.FindLoaded(name) is null ? Unknown(name) : null;

    private async Task<IResult> LoadAsync(string name, string url, string folder, CancellationToken cancellationToken)
    {
        PlacedOutcome outcome;
        PlacedModel? model;
        try
        {
            (outcome, model) = await placed.AddAsync(name, url, folder, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Invalid($"The folder '{url}' cannot be read: {exception.Message}");
        }

        if (model is null)
        {
            return outcome == PlacedOutcome.AlreadyThere
                ? new StatusResult(StatusCodes.Status409Conflict, "Already loaded", $"The model '{name}' is loaded already, or is being loaded.")
                : new StatusResult(
                    StatusCodes.Status507InsufficientStorage, "Insufficient memory", $"The memory budget has no room for the model '{name}': unload others first, or raise Gateway:Memory:BudgetBytes.");
        }

        await model.Turn.WaitAsync(cancellationToken);
        try
        {
            string? reason = await watcher.LoadAsync(name, configText: null, cancellationToken);
            if (reason is null)
            {
                model.IsLoaded = true;
                return TypedResults.Json(ToAnswer(model), SageMakerJson.Default.ModelAnswer);
            }

            await RemoveAsync(model, cancellationToken);
            return Invalid($"The model '{name}' cannot be loaded. {reason}");
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Its name and its share of the memory are free again; the error is answered and logged as any.
            placed.Remove(model);
            throw;
        }
        finally
        {
            model.Turn.Release();
        }
    }

    // Its memory is free before its place in the budget is given to another.
    private async Task RemoveAsync(PlacedModel model, CancellationToken cancellationToken)
    {
        model.IsLoaded = false;
        await watcher.UnloadAsync(model.Name, cancellationToken);
        placed.Remove(model);
        await watcher.ScanAsync(trusted: null, cancellationToken);
    }

    private async Task<(LoadRequest? Request, PredictError? Error)> ReadAsync(HttpContext http)
    {
        RequestBodyResult read = await bodies.ReadAsync(http.Request, new RequestBodyLimits(LargestBody, options.Value.Limits.BodyTimeout));
        if (!read.IsSuccess)
        {
            return (null, read.Error);
        }

        using TensorBuffer body = read.Body;
        LoadRequest? request = null;
        try
        {
            request = JsonSerializer.Deserialize(body.Memory.Span, SageMakerJson.Default.LoadRequest);
        }
        catch (JsonException)
        {
            // Told below.
        }

        return request is not { ModelName.Length: > 0, Url.Length: > 0 }
                ? (null, new PredictError(PredictErrorKind.InvalidRequest, "The body must be {\"model_name\": \"...\", \"url\": \"...\"}: a name, and the folder with the model's files."))
            : !ModelName.IsValid(request.ModelName)
                ? (null, new PredictError(PredictErrorKind.InvalidRequest, $"The 'model_name' must match {ModelName.Pattern}."))
            : (request, null);
    }

    // What was begun is ended also where the caller has left: otherwise a model that fails then would never go.
    private async Task<IResult> WaitAsync(Func<CancellationToken, Task<IResult>> act)
    {
        try
        {
            return await act(lifetime.ApplicationStopping);
        }
        catch (OperationCanceledException)
        {
            return new ProblemResult(new PredictError(PredictErrorKind.NotReady, "The server is stopping."));
        }
    }

    private static ModelAnswer ToAnswer(PlacedModel model) => new(model.Name, model.Url);

    private static ProblemResult Invalid(string message) => new(new PredictError(PredictErrorKind.InvalidRequest, message));

    private static ProblemResult Unknown(string name) => new(new PredictError(PredictErrorKind.UnknownModel, $"The model '{NameSuggestion.Shorten(name)}' is not loaded."));

    private sealed class StatusResult(int status, string title, string detail) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => Problems.WriteAsync(httpContext, status, title, detail);
    }
}
