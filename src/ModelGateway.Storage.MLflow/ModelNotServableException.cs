namespace ModelGateway.Storage.MLflow;

/// <summary>A version cannot be served as it is registered; asking again changes nothing until something is changed in the registry.</summary>
/// <param name="message">Why, for operators.</param>
internal sealed class ModelNotServableException(string message) : Exception(message);
