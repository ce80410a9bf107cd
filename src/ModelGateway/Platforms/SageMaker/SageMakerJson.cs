using System.Text.Json.Serialization;

namespace ModelGateway.Platforms.SageMaker;

/// <summary>The bodies of the multi-model contract, as its documentation spells them.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LoadRequest))]
[JsonSerializable(typeof(ModelAnswer))]
[JsonSerializable(typeof(ModelPage))]
internal sealed partial class SageMakerJson : JsonSerializerContext;

/// <summary><c>POST /models</c></summary>
internal sealed record LoadRequest([property: JsonPropertyName("model_name")] string? ModelName, [property: JsonPropertyName("url")] string? Url);

/// <summary><c>GET /models/{name}</c></summary>
internal sealed record ModelAnswer([property: JsonPropertyName("modelName")] string ModelName, [property: JsonPropertyName("modelUrl")] string ModelUrl);

/// <summary><c>GET /models</c></summary>
internal sealed record ModelPage(
    [property: JsonPropertyName("models")] IReadOnlyList<ModelAnswer> Models, [property: JsonPropertyName("nextPageToken")] string? NextPageToken);
