namespace ModelGateway.Auth;

/// <summary>What an endpoint asks of a token; read by the refusal and by the OpenAPI document.</summary>
internal sealed record RequiredScope(string Scope);
