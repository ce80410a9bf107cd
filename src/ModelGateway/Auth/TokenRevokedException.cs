namespace ModelGateway.Auth;

/// <summary>A token is right but for being among <see cref="RevokedTokens"/>.</summary>
internal sealed class TokenRevokedException : Exception;
