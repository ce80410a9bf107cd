namespace ModelGateway.Storage.MLflow;

/// <summary>What a registry answers of all its models.</summary>
/// <param name="Models">They.</param>
/// <param name="Marker">Stays the same while the answers do; null where the next search is to be read whatever it says.</param>
/// <param name="Pages">How many answers it took: what is asked page by page may change between two pages.</param>
internal sealed record RegistrySearch(IReadOnlyList<RegisteredModel> Models, string? Marker, int Pages);
