using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>A key that tokens may be signed with.</summary>
/// <param name="Id">Its name (<c>kid</c>), or null.</param>
/// <param name="Key">The public key or the shared secret.</param>
/// <param name="Algorithms">What it may verify.</param>
internal sealed record SigningKey(string? Id, SecurityKey Key, IReadOnlyList<string> Algorithms)
{
    /// <summary>The same key for no more than the algorithms given; an empty list sets no bound.</summary>
    public SigningKey Restrict(IReadOnlyCollection<string> algorithms) =>
        algorithms.Count == 0 ? this : this with { Algorithms = [.. Algorithms.Where(algorithms.Contains)] };
}
