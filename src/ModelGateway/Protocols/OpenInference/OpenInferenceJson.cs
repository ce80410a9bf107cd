using System.Text.Json.Serialization;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// How the protocol's answers, predictions aside, are written. Names of several words stand in attributes: the document of
/// the API is made with other options and must show them as they are.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ServerMetadataAnswer))]
[JsonSerializable(typeof(LiveAnswer))]
[JsonSerializable(typeof(ReadyAnswer))]
[JsonSerializable(typeof(ModelListAnswer))]
[JsonSerializable(typeof(ModelMetadataAnswer))]
[JsonSerializable(typeof(ModelReadyAnswer))]
[JsonSerializable(typeof(ModelConfigAnswer))]
[JsonSerializable(typeof(StatisticsAnswer))]
[JsonSerializable(typeof(IReadOnlyList<RepositoryIndexAnswer>))]
[JsonSerializable(typeof(RepositoryRequest))]
internal sealed partial class OpenInferenceJson : JsonSerializerContext;
