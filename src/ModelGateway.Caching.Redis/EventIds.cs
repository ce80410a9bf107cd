namespace ModelGateway.Caching.Redis;

/// <summary>The ids of this store's log events, within the core's range; a number is never used again for something else.</summary>
internal static class EventIds
{
    public const int ConnectionLost = 1600;
    public const int ConnectionRestored = 1601;
    public const int NotListening = 1602;
}
