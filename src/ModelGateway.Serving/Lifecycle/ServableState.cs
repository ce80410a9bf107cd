namespace ModelGateway.Serving.Lifecycle;

/// <summary>A version's life. Only Ready answers; Draining still answers those who hold a handle.</summary>
public enum ServableState
{
    /// <summary>Seen in the repository, waiting for its files to settle or for a loader.</summary>
    Discovered,

    /// <summary>Its files are being copied.</summary>
    Fetching,

    /// <summary>Its files are being checked against the manifest.</summary>
    Verifying,

    /// <summary>Its graph and configuration are being read.</summary>
    Probing,

    /// <summary>Its session is being created.</summary>
    Loading,

    /// <summary>Its warm-up requests run.</summary>
    Warming,

    /// <summary>It answers.</summary>
    Ready,

    /// <summary>It was replaced or removed, and finishes the requests it holds.</summary>
    Draining,

    /// <summary>It is not in memory, and is loaded when a request asks for it.</summary>
    Dormant,

    /// <summary>It is gone from memory.</summary>
    Unloaded,

    /// <summary>It cannot be served; the reason is kept.</summary>
    Failed,
}
