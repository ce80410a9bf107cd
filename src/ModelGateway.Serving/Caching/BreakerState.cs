namespace ModelGateway.Serving.Caching;

/// <summary>Whether a store is asked.</summary>
public enum BreakerState
{
    /// <summary>It is.</summary>
    Closed,

    /// <summary>It is not: it failed too often, and is probed in the background until it is well.</summary>
    Open,
}
