namespace ModelGateway.Caching.Memcached;

/// <summary>The ids of this store's log events, beside the core's; a number is never used again for something else.</summary>
internal static class EventIds
{
    public const int ServerAway = 1650;
    public const int ServerBack = 1651;
}
