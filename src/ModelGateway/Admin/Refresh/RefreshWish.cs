using ModelGateway.Serving.Repository;

namespace ModelGateway.Admin.Refresh;

/// <summary>What a body asks for.</summary>
/// <param name="Concerns">Whether a repository at a location is to be looked at.</param>
internal sealed record RefreshWish(Func<string, bool> Concerns)
{
    /// <summary>Look at every repository.</summary>
    public static RefreshWish Everything { get; } = new(static _ => true);

    /// <summary>Look at none.</summary>
    public static RefreshWish Nothing { get; } = new(static _ => false);

    /// <summary>The code that proves to a sender that its messages are welcome here; null where none is asked for.</summary>
    public string? ValidationCode { get; init; }

    /// <summary>What the operator must do before the sender sends more; null for nothing. Nothing of it is ever followed from here.</summary>
    public SubscriptionNotice? Subscription { get; init; }

    /// <summary>Look at the repositories in which objects lie.</summary>
    /// <param name="uris">As locations are written: <c>s3://bucket/key</c>.</param>
    public static RefreshWish ForObjects(IReadOnlyList<string> uris) => new(location => uris.Any(uri => RepositoryLocation.Holds(location, uri)));
}

/// <summary>A subscription that waits to be confirmed.</summary>
/// <param name="Topic">Its topic.</param>
/// <param name="Url">What is to be opened to confirm it, where it is one of the sender's own servers; else null.</param>
internal sealed record SubscriptionNotice(string Topic, string? Url);
