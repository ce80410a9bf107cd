using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModelGateway.Storage.MLflow;

// What the REST API answers with, as far as it is used here. Fields that are empty are left out by the server; the defaults here survive that
// only in properties with set, since the generated reader assigns every init property.

internal sealed record SearchAnswer
{
    public IReadOnlyList<RegisteredModel> RegisteredModels { get; set => (field, IsSearch) = (value, true); } = [];

    public string? NextPageToken { get; set => (field, IsSearch) = (value, true); }

    /// <summary>Members that are not a search's.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }

    /// <summary>One of its members was there.</summary>
    [JsonIgnore]
    public bool IsSearch { get; private set; }
}

internal sealed record RegisteredModel
{
    public string Name { get; set; } = "";

    public long CreationTimestamp { get; set; }

    public long LastUpdatedTimestamp { get; set; }

    public string? Description { get; set; }

    /// <summary>The newest version of each stage. Their own list of aliases is empty here, whatever they have (mlflow#9952).</summary>
    public IReadOnlyList<ModelVersion> LatestVersions { get; set; } = [];

    public IReadOnlyList<MLflowTag> Tags { get; set; } = [];

    public IReadOnlyList<ModelAlias> Aliases { get; set; } = [];
}

internal sealed record ModelVersion
{
    public const string Ready = "READY";
    public const string FailedRegistration = "FAILED_REGISTRATION";
    public const string NoStage = "None";

    public string Name { get; set; } = "";

    public string Version { get; set; } = "";

    public long CreationTimestamp { get; set; }

    public string CurrentStage { get; set; } = NoStage;

    public string? Description { get; set; }

    public string? Source { get; set; }

    public string? RunId { get; set; }

    public string? ModelId { get; set; }

    public string Status { get; set; } = Ready;

    public string? StatusMessage { get; set; }

    public IReadOnlyList<MLflowTag> Tags { get; set; } = [];
}

internal sealed record ModelAlias(string Alias = "", string Version = "");

internal sealed record MLflowTag(string Key = "", string? Value = null);

internal sealed record ModelVersionAnswer(ModelVersion? ModelVersion = null);

internal sealed record DownloadUriAnswer(string? ArtifactUri = null);

internal sealed record RunAnswer(RunAnswer.RunOf? Run = null)
{
    internal sealed record RunOf(ArtifactInfo? Info = null);
}

internal sealed record LoggedModelAnswer(LoggedModelAnswer.ModelOf? Model = null)
{
    internal sealed record ModelOf(ArtifactInfo? Info = null);
}

internal sealed record ArtifactInfo(string? ArtifactUri = null);

internal sealed record ArtifactListAnswer
{
    public IReadOnlyList<ArtifactFile> Files { get; set; } = [];
}

internal sealed record ArtifactFile(string Path = "", bool IsDir = false, long? FileSize = null);

internal sealed record ErrorAnswer(string? ErrorCode = null, string? Message = null);

// Servers that speak the same API (GitLab's, for one) write some numbers as strings, and some strings as numbers.
internal sealed class LenientTextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
        _ => reader.GetString(),
    };

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowReadingFromString,
    RespectNullableAnnotations = true,
    Converters = [typeof(LenientTextConverter)])]
[JsonSerializable(typeof(SearchAnswer))]
[JsonSerializable(typeof(RegisteredModel))]
[JsonSerializable(typeof(ModelVersionAnswer))]
[JsonSerializable(typeof(DownloadUriAnswer))]
[JsonSerializable(typeof(RunAnswer))]
[JsonSerializable(typeof(LoggedModelAnswer))]
[JsonSerializable(typeof(ArtifactListAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
internal sealed partial class MLflowJson : JsonSerializerContext;
