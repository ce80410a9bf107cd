using ModelGateway.Auth;
using ModelGateway.Caching;
using ModelGateway.Observability;
using ModelGateway.Serving.Models;

namespace ModelGateway.Audit;

/// <summary>What requests leave in the audit log: those to endpoints that are marked, and those that were refused.</summary>
internal static class AuditTrail
{
    private const int LongestTarget = 256;
    private static readonly object DetailKey = new();

    /// <summary>Every request that reaches the endpoint is recorded, with the status that it is answered with.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="action">What it does, for example <c>model.load</c>.</param>
    public static TBuilder Audited<TBuilder>(this TBuilder endpoint, string action)
        where TBuilder : IEndpointConventionBuilder
    {
        endpoint.WithMetadata(new AuditedAction(action));
        endpoint.Finally(builder =>
        {
            if (builder.RequestDelegate is { } answer)
            {
                builder.RequestDelegate = http => AnswerAsync(http, answer, action);
            }
        });
        return endpoint;
    }

    /// <summary>Adds to the request's line what else is to be said of it; never a value of its body that could be secret.</summary>
    public static void Note(HttpContext http, string detail) => http.Items[DetailKey] = detail;

    /// <summary>Records a request that was refused before it reached its endpoint, or an endpoint that is not marked.</summary>
    public static void RecordRefusal(HttpContext http, int status, string reason)
    {
        if (http.RequestServices.GetService<AuditLog>() is { TakesRefusals: true } log)
        {
            Note(http, reason);
            Record(http, log, ActionOf(http) ?? "access", status);
        }
    }

    /// <summary>Records that the request's model is not the caller's to use; where the endpoint is marked it does that itself, with this reason.</summary>
    public static void RecordModelForbidden(HttpContext http, string reason)
    {
        if (ActionOf(http) is null)
        {
            RecordRefusal(http, StatusCodes.Status403Forbidden, reason);
        }
        else
        {
            Note(http, reason);
        }
    }

    private static string? ActionOf(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<AuditedAction>()?.Name;

    private static async Task AnswerAsync(HttpContext http, RequestDelegate answer, string action)
    {
        AuditLog log = http.RequestServices.GetRequiredService<AuditLog>();
        if (!log.IsOn)
        {
            await answer(http);
            return;
        }

        int? status = null;
        try
        {
            await answer(http);
            status = http.RequestAborted.IsCancellationRequested && !http.Response.HasStarted ? StatusCodes.Status499ClientClosedRequest : http.Response.StatusCode;
        }
        finally
        {
            Record(http, log, action, status ?? StatusCodes.Status500InternalServerError);
        }
    }

    private static void Record(HttpContext http, AuditLog log, string action, int status) => log.Record(
        new AuditEvent(log.Now, AuditEvent.Caller, action, TargetOf(http), OutcomeOf(status))
        {
            Status = status,
            Subject = CallerIdentity.SubjectOf(http),
            Client = CallerIdentity.AddressOf(http),
            RequestId = RequestIds.Of(http),
            Detail = http.Items.TryGetValue(DetailKey, out object? detail) ? (string?)detail : null,
        });

    // The model, and the version or label where one is named; else the path, cut: it is the caller's text.
    private static string TargetOf(HttpContext http)
    {
        string target = RequestModel.Of(http) is not { } model || !ModelName.IsValid(model) ? http.Request.Path.Value ?? ""
            : http.GetEndpoint()?.Metadata.GetMetadata<RoutedModel>() is { } routed ? routed.Asked.ToString()
            : http.Request.RouteValues["version"] is string version ? $"{model}/{version}" : model;
        return target.Length <= LongestTarget ? target : target[..LongestTarget];
    }

    private static string OutcomeOf(int status) => status switch
    {
        < StatusCodes.Status400BadRequest => AuditEvent.Success,
        StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden or StatusCodes.Status429TooManyRequests => AuditEvent.Refused,
        _ => AuditEvent.Failed,
    };

    private sealed record AuditedAction(string Name);
}
