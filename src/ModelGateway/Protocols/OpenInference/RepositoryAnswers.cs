using System.Text.Json;
using Microsoft.Extensions.Options;
using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Answers the model repository extension. That the caller may use the model of the path is checked before.</summary>
internal sealed class RepositoryAnswers(
    ServableManager manager, RepositoryWatcher watcher, ModelAccess access, RequestBodyReader bodies, IOptions<GatewayOptions> options, IHostApplicationLifetime lifetime)
{
    private const string FilePrefix = "file:";

    // These bodies hold a configuration at most.
    private const int LargestBody = 1 << 20;
    private readonly LimitOptions _limits = options.Value.Limits;

    public async Task<IResult> IndexAsync(HttpContext http)
    {
        (RepositoryRequest? request, PredictError? error) = await ReadAsync(http, "{\"ready\": true}");
        if (request is null)
        {
            return new ProblemResult(error!);
        }

        Func<string, bool>? mayUse = access.Filter(http);
        IEnumerable<RepositoryIndexAnswer> entries = manager.Snapshot().Models.Values
            .Where(model => mayUse?.Invoke(model.Name) != false)
            .OrderBy(model => model.Name, StringComparer.Ordinal)
            .SelectMany(RepositoryIndexAnswer.Of)
            .Where(entry => request.Ready != true || entry.State == RepositoryIndexAnswer.Ready);
        return TypedResults.Json([.. entries], OpenInferenceJson.Default.IReadOnlyListRepositoryIndexAnswer);
    }

    public async Task<IResult> LoadAsync(HttpContext http, string model)
    {
        (RepositoryRequest? request, PredictError? error) = await ReadAsync(http, "{\"parameters\": {\"config\": \"...\"}}");
        string? config = null;
        error ??= ReadConfig(request!, out config);
        if (config is not null)
        {
            AuditTrail.Note(http, "with a configuration of the caller");
        }

        if (error is not null)
        {
            return new ProblemResult(error);
        }

        // The scan that a load begins with may be the first to see the model, so whether it is known shows only afterwards.
        return await WaitAsync(http, async cancellationToken =>
        {
            string? reason = await watcher.LoadAsync(model, config, cancellationToken);
            return manager.Find(model) is null ? Unknown(http, model)
                : reason is null ? TypedResults.Ok()
                : new ProblemResult(new PredictError(PredictErrorKind.InvalidRequest, $"The model '{model}' is not loaded as asked. {reason}"));
        });
    }

    public async Task<IResult> UnloadAsync(HttpContext http, string model)
    {
        // The parameter unload_dependents is taken and means nothing: no model here depends on another.
        (_, PredictError? error) = await ReadAsync(http, "{\"parameters\": {\"unload_dependents\": false}}");
        if (error is not null)
        {
            return new ProblemResult(error);
        }

        if (manager.Find(model) is null)
        {
            return Unknown(http, model);
        }

        return await WaitAsync(http, async cancellationToken =>
        {
            await watcher.UnloadAsync(model, cancellationToken);
            return TypedResults.Ok();
        });
    }

    private static PredictError? ReadConfig(RepositoryRequest request, out string? config)
    {
        config = null;
        Dictionary<string, JsonElement> parameters = request.Parameters ?? [];
        if (parameters.Keys.FirstOrDefault(key => key.StartsWith(FilePrefix, StringComparison.Ordinal)) is not null)
        {
            return new PredictError(
                PredictErrorKind.InvalidRequest, $"The parameter '{FilePrefix}...' is not taken: a model's files come from the repository alone. Put them there and load the model again.");
        }

        if (!parameters.TryGetValue("config", out JsonElement given) || given.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        // The protocol says a string; an object says the same with fewer backslashes.
        config = given.ValueKind == JsonValueKind.String ? given.GetString() : given.GetRawText();
        return given.ValueKind is JsonValueKind.String or JsonValueKind.Object
            ? null
            : new PredictError(PredictErrorKind.InvalidRequest, "The parameter 'config' must be a string that holds the keys of a model.yaml, as JSON or YAML.");
    }

    // A body may be left out.
    private async Task<(RepositoryRequest? Request, PredictError? Error)> ReadAsync(HttpContext http, string example)
    {
        RequestBodyResult read = await bodies.ReadAsync(http.Request, new RequestBodyLimits(Math.Min(_limits.MaxBodyBytes, LargestBody), _limits.BodyTimeout));
        if (!read.IsSuccess)
        {
            return (null, read.Error);
        }

        using TensorBuffer body = read.Body;
        if (body.Memory.Span.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            return (new RepositoryRequest(null, null), null);
        }

        try
        {
            return (JsonSerializer.Deserialize(body.Memory.Span, OpenInferenceJson.Default.RepositoryRequest) ?? new RepositoryRequest(null, null), null);
        }
        catch (JsonException)
        {
            return (null, new PredictError(PredictErrorKind.InvalidRequest, $"The body is not what is expected here; it may be empty or, for example, {example}."));
        }
    }

    // A load can take minutes: the caller may leave, and the server may stop.
    private async Task<IResult> WaitAsync(HttpContext http, Func<CancellationToken, Task<IResult>> act)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            return await act(either.Token);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            return new ProblemResult(new PredictError(PredictErrorKind.NotReady, "The server is stopping."));
        }
    }

    private ProblemResult Unknown(HttpContext http, string model) => new(
        watcher.ProblemFor(model) is { } problem ? new PredictError(PredictErrorKind.NotReady, $"The model repository cannot be read: {problem}")
        : manager.Check(new ModelSpec(model), access.Filter(http)) is { Kind: PredictErrorKind.UnknownModel } error ? error
        : new PredictError(PredictErrorKind.UnknownModel, $"There is no model '{model}'."));
}
