namespace ModelGateway.Auth;

/// <summary>Which models a caller may use: the <c>models</c> claim holds name patterns; without the claim, all.</summary>
internal sealed class ModelAccess
{
    private readonly Func<string, bool> _all = static _ => true;

    /// <summary>Whether the caller may use this model.</summary>
    public bool Allows(HttpContext http, string model) => Filter(http)?.Invoke(model) != false;

    /// <summary>The caller's filter over model names; null where all are allowed.</summary>
    public Func<string, bool>? Filter(HttpContext http) => _all;
}
