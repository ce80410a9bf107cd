using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.WebUtilities;
using ModelGateway.Audit;
using ModelGateway.Observability;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols;

/// <summary>
/// The one shape of every error answer: RFC 9457 problem details that also carry <c>error</c>, the sentence which clients of
/// the Open Inference Protocol and of TensorFlow Serving read.
/// </summary>
internal static partial class Problems
{
    private const string ContentType = "application/problem+json";

    // Of the few titles that there are.
    private static readonly ConcurrentDictionary<string, string> Types = new(StringComparer.Ordinal);

    /// <summary>Answers with a refusal of the data plane.</summary>
    public static Task WriteAsync(HttpContext http, PredictError error)
    {
        (int status, string title) = Describe(error.Kind);
        if (error.RetryAfter is { } delay)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(delay.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        return WriteAsync(http, status, title, error.Message, error.Faults);
    }

    /// <summary>Answers with an error of any other kind.</summary>
    public static Task WriteAsync(HttpContext http, int status, string title, string detail, IReadOnlyList<RequestFault>? faults = null)
    {
        if (http.Response.HasStarted || http.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        CurrentRequest.Of(http)?.SetTiming();
        http.Response.StatusCode = status;
        string type = Types.GetOrAdd(title, static title => $"urn:modelgateway:problem:{title.ToLowerInvariant().Replace(' ', '-')}");
        return WriteAsync(http, new Problem(type, title, status, detail, detail, RequestIds.Of(http), faults is { Count: > 0 } ? faults : null));
    }

    // Straight into the pipe, its length told: a refusal under load has to be cheap (measured by the benchmark refusals).
    private static Task WriteAsync(HttpContext http, Problem problem)
    {
        PipeWriter body = http.Response.BodyWriter;
        http.Response.ContentType = ContentType;
        using (var writer = new Utf8JsonWriter(body, Readable))
        {
            JsonSerializer.Serialize(writer, problem, Answers.Problem);
        }

        // None where the connection is gone: then nothing is kept, and a length that nobody will fill would be an error.
        if (body.UnflushedBytes is > 0 and long length)
        {
            http.Response.ContentLength = length;
        }

        ValueTask<FlushResult> flush = body.FlushAsync(http.RequestAborted);
        if (!flush.IsCompletedSuccessfully)
        {
            return flush.AsTask();
        }

        flush.GetAwaiter().GetResult();
        return Task.CompletedTask;
    }

    /// <summary>Answers for a layer that left only a status: an unknown path, a wrong verb, a refused token, an unforeseen exception.</summary>
    public static Task WriteAsync(HttpContext http, int status) => WriteAsync(http, status, ReasonPhrases.GetReasonPhrase(status), Explain(http, status));

    /// <summary>Answers that the caller may not use the model that the request is about.</summary>
    public static Task WriteModelForbiddenAsync(HttpContext http)
    {
        const string Reason = "The token does not cover this model: its claim 'models' has no pattern for it.";
        AuditTrail.RecordModelForbidden(http, Reason);
        return WriteAsync(http, StatusCodes.Status403Forbidden, "Forbidden", Reason);
    }

    /// <summary>The metric outcome of a refusal.</summary>
    public static string Outcome(PredictError error) => error.IsForCallersTime ? "caller_deadline" : error.Kind switch
    {
        PredictErrorKind.InvalidRequest => "invalid_request",
        PredictErrorKind.UnknownModel => "unknown_model",
        PredictErrorKind.UnknownVersion => "unknown_version",
        PredictErrorKind.NotReady => "not_ready",
        PredictErrorKind.TooLarge => "too_large",
        PredictErrorKind.UnsupportedEncoding => "unsupported_encoding",
        PredictErrorKind.BodyTimeout => "body_timeout",
        PredictErrorKind.QueueFull => "queue_full",
        PredictErrorKind.DeadlineExceeded => "deadline_exceeded",
        PredictErrorKind.Cancelled => "cancelled",
        PredictErrorKind.NotCached => "not_cached",
        PredictErrorKind.ModelRefused => "model_refused",
        PredictErrorKind.RunFailed => "run_failed",
        _ => "error",
    };

    private static string Explain(HttpContext http, int status) => status switch
    {
        StatusCodes.Status401Unauthorized => "A bearer token is needed, and this one is missing or not accepted.",
        StatusCodes.Status403Forbidden => "The token lacks the scope that this needs.",
        StatusCodes.Status404NotFound => "There is nothing under this path; /swagger shows what there is.",
        StatusCodes.Status405MethodNotAllowed => $"This path does not answer {(http.Request.Method.Length <= 16 ? http.Request.Method : "this method")}.",
        StatusCodes.Status415UnsupportedMediaType => "The content type is not supported.",
        StatusCodes.Status500InternalServerError => "The server failed; its log says why, under this request id.",
        _ => "The request was refused.",
    };

    private static (int Status, string Title) Describe(PredictErrorKind kind) => kind switch
    {
        PredictErrorKind.InvalidRequest => (StatusCodes.Status400BadRequest, "Invalid request"),
        PredictErrorKind.UnknownModel => (StatusCodes.Status404NotFound, "Unknown model"),
        PredictErrorKind.UnknownVersion => (StatusCodes.Status404NotFound, "Unknown version"),
        PredictErrorKind.NotReady => (StatusCodes.Status503ServiceUnavailable, "Not ready"),
        PredictErrorKind.TooLarge => (StatusCodes.Status413PayloadTooLarge, "Too large"),
        PredictErrorKind.UnsupportedEncoding => (StatusCodes.Status415UnsupportedMediaType, "Unsupported encoding"),
        PredictErrorKind.BodyTimeout => (StatusCodes.Status408RequestTimeout, "Body timeout"),
        PredictErrorKind.QueueFull => (StatusCodes.Status429TooManyRequests, "Queue full"),
        PredictErrorKind.DeadlineExceeded => (StatusCodes.Status504GatewayTimeout, "Deadline exceeded"),
        PredictErrorKind.Cancelled => (StatusCodes.Status499ClientClosedRequest, "Cancelled"),
        PredictErrorKind.NotCached => (StatusCodes.Status504GatewayTimeout, "Not cached"),
        PredictErrorKind.ModelRefused => (StatusCodes.Status400BadRequest, "Model refused"),
        PredictErrorKind.RunFailed => (StatusCodes.Status500InternalServerError, "Run failed"),
        _ => (StatusCodes.Status500InternalServerError, "Internal error"),
    };

    // Readable by people: quotes and brackets as they are. The answer is never part of a page of ours.
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly Json Answers = new(new JsonSerializerOptions(Json.Default.Options) { Encoder = Readable.Encoder });

    internal sealed record Problem(
        string Type, string Title, int Status, string Detail, string Error, string RequestId, IReadOnlyList<RequestFault>? Faults);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(Problem))]
    private sealed partial class Json : JsonSerializerContext;
}
