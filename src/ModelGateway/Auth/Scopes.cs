namespace ModelGateway.Auth;

/// <summary>What a token may allow.</summary>
internal static class Scopes
{
    /// <summary>To predict.</summary>
    public const string Predict = "models:predict";

    /// <summary>To see models, their metadata and statistics.</summary>
    public const string Read = "models:read";

    /// <summary>To load, unload, refresh and change the log level; holds <see cref="Read"/>.</summary>
    public const string Manage = "models:manage";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Predict, Read, Manage];
}
