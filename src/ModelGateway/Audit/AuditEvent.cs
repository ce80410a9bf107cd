using System.Text.Json.Serialization;

namespace ModelGateway.Audit;

/// <summary>One line. Its members are the documented schema: none is renamed or given another meaning.</summary>
/// <param name="Time">When it ended; UTC.</param>
/// <param name="Actor"><c>caller</c>, or <c>repository</c> for what followed from the files of a repository.</param>
/// <param name="Action">What was done, for example <c>model.load</c>.</param>
/// <param name="Target">To what: a model, a model and version, or a path.</param>
/// <param name="Outcome"><c>success</c>, <c>refused</c> or <c>failed</c>.</param>
internal sealed record AuditEvent(DateTime Time, string Actor, string Action, string Target, string Outcome)
{
    public const string Caller = "caller";
    public const string Repository = "repository";
    public const string Success = "success";
    public const string Refused = "refused";
    public const string Failed = "failed";

    /// <summary>Tells the line from those of the log.</summary>
    [JsonPropertyOrder(-1)]
    public bool Audit { get; init; } = true;

    /// <summary>The status of the answer.</summary>
    public int? Status { get; init; }

    /// <summary>The subject of the token or of the client certificate; absent where nothing was proved.</summary>
    public string? Subject { get; init; }

    /// <summary>The address that the request came from.</summary>
    public string? Client { get; init; }

    public string? RequestId { get; init; }

    /// <summary>What else is to be said; never a value of a request's body.</summary>
    public string? Detail { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuditEvent))]
internal sealed partial class AuditJson : JsonSerializerContext;
